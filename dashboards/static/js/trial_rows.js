// The trials as a table works with them: cells by name, the filter, the order, the columns. The server's own is
// orchestrator/service/trials/table.py.

import { computed, signal } from "@preact/signals";
import { inAddress } from "./address.js";
import { compileFilter, FilterFault } from "./filter.js";
import { metric, metricLabel, shortKey, value } from "./format.js";

const MOST_FRESH = 64; // rows that are put in their places one by one
const FIXED = {
  trial: "number", origin: "text", rung: "number", epoch: "number", bracket: "number", state: "text",
  node: "text", pinned: "any", failure: "text", reason: "prose",
};
const TITLES = {
  trial: "Trial", origin: "Origin", rung: "Rung", epoch: "Epoch", bracket: "Bracket", changed: "Changed parameters",
  state: "State", node: "Node", pinned: "Pinned", failure: "Failure", reason: "Reason",
};

/** What a trial has under a name of the filter; null: nothing. */
export function cellOf(row, name) {
  switch (name) {
    case "trial": return row.id;
    case "state": return row.status;
    case "bracket": return row.bracket + 1;
    case "pinned": return Boolean(row.pinned);
    case "reason": return row.advance_reason || row.reason;
    case "origin": case "rung": case "epoch": case "node": case "failure": return row[name];
    default: return row.metrics[name] ?? row.values[name] ?? null;
  }
}

function rank(cell) {
  return typeof cell === "number" || typeof cell === "boolean" ? 0 : 1;
}

/** Numbers before text; empty cells are last, whichever way. */
function compare(a, b, down) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  const order = rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
  return down ? -order : order;
}

/** The shortest end of each key that tells it from the others. */
function shortNames(keys) {
  return Object.fromEntries(keys.map((key) => {
    const parts = key.split(".");
    for (let length = 1; length < parts.length; length++) {
      const end = parts.slice(-length).join(".");
      if (!keys.some((other) => other !== key && `.${other}`.endsWith(`.${end}`))) return [key, end];
    }
    return [key, key];
  }));
}

/** The order of a moment ago with the few rows in their places that are new since; null: they are many. */
function freshened(last, now, keyed, by) {
  const before = new Set(last.rows), fresh = now.filter((row) => !before.has(row));
  if (fresh.length > MOST_FRESH) return null;
  const there = fresh.length ? new Set(now) : before;
  const kept = last.keyed.filter(({ row }) => there.has(row));
  for (const entry of fresh.map(keyed)) {
    let low = 0, high = kept.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (by(kept[middle], entry) < 0) low = middle + 1;
      else high = middle;
    }
    kept.splice(low, 0, entry);
  }
  return { key: last.key, rows: now, keyed: kept };
}

export function createRows(store) {
  const text = inAddress("filter"), sort = inAddress("sort"), columns = inAddress("columns"), selected = inAddress("selected");
  const metrics = computed(() => [...new Set([...store.study.value.measures.shown, ...store.study.value.objective.map((one) => one.metric)])]);
  const parameters = computed(() => [...new Set([...Object.keys(store.study.value.space_model.parameters), ...Object.keys(store.rows.value[0]?.values ?? {})])]);
  const names = computed(() => parameters.value.join()); // so that a new epoch does not make the fields anew
  const fields = computed(() => {
    const known = names.value ? names.value.split(",") : [];
    return { ...FIXED, ...Object.fromEntries(metrics.value.map((name) => [name, "number"])), ...Object.fromEntries(known.map((name) => [name, "any"])) };
  });
  const titles = computed(() => ({ ...Object.fromEntries(metrics.value.map((name) => [name, metricLabel(name)])), ...shortNames(parameters.value), ...TITLES }));

  const tested = computed(() => {
    try {
      return { test: compileFilter(text.value, fields.value), fault: "" };
    } catch (fault) {
      if (!(fault instanceof FilterFault)) throw fault;
      return { test: null, fault: `column ${fault.column}: ${fault.message}` };
    }
  });
  /** @type {(cell: (name: string) => unknown) => boolean} */
  let lastGood = () => true; // while a filter is being typed, the one before it holds
  const order = computed(() => {
    const name = sort.value.replace(/^-/, "");
    const { metric: first, goal } = store.objective.value;
    return name in fields.value ? { name, down: sort.value.startsWith("-"), usual: false } : { name: first, down: goal !== "minimize", usual: true };
  });
  let last = { key: "", rows: [], keyed: [] };
  const sorted = computed(() => {
    const { name, down, usual: pins } = order.value;
    const first = (a, b) => (pins ? Number(Boolean(b.pinned)) - Number(Boolean(a.pinned)) : 0); // in the usual order
    const by = (a, b) => first(a.row, b.row) || compare(a.cell, b.cell, down) || a.row.id - b.row.id;
    const key = `${name}|${down}|${pins}`, now = store.rows.value;
    const keyed = (row) => ({ row, cell: cellOf(row, name) });
    last = (last.key === key && freshened(last, now, keyed, by)) || { key, rows: now, keyed: now.map(keyed).sort(by) };
    return last.keyed.map(({ row }) => row);
  });
  const filtered = computed(() => {
    lastGood = tested.value.test ?? lastGood;
    let current = null;
    const cell = (name) => cellOf(current, name);
    return text.value.trim() ? sorted.value.filter((row) => ((current = row), lastGood(cell))) : sorted.value;
  });
  /** What filter and brush let through, in order. */
  const listed = computed(() => {
    const brushed = store.brushed.value;
    return brushed ? filtered.value.filter((row) => brushed.has(row.id)) : filtered.value;
  });
  const usual = computed(() => ["trial", "origin", "rung", "epoch", ...store.study.value.measures.shown, "changed", "state", "node"]);
  const shown = computed(() => {
    const known = columns.value.split(",").filter((name) => name in fields.value || name === "changed");
    return known.length ? known : usual.value;
  });
  const choices = computed(() => [...new Set([...usual.value, ...Object.keys(fields.value)])]);
  const picked = computed(() => new Set(selected.value.split(",").filter(Boolean).map(Number)));
  const fault = computed(() => tested.value.fault);

  function toggleColumn(name) {
    const next = shown.value.includes(name) ? shown.value.filter((one) => one !== name) : [...shown.value, name];
    const ordered = choices.value.filter((one) => next.includes(one));
    columns.value = ordered.join() === usual.value.join() ? "" : ordered.join();
  }
  function sortBy(name) {
    const number = fields.value[name] === "number" && name !== "trial";
    const { name: now, down } = order.value;
    sort.value = now === name ? (down ? name : `-${name}`) : number ? `-${name}` : name;
  }
  function pick(id) {
    const next = new Set(picked.value);
    if (!next.delete(id)) next.add(id);
    selected.value = [...next].sort((a, b) => a - b).join();
  }
  const csv = computed(() => {
    const query = new URLSearchParams(Object.entries({ filter: text.value, sort: sort.value, columns: columns.value }).filter(([, each]) => each));
    return `${store.base}/trials.csv${query.size ? `?${query}` : ""}`;
  });
  const shownCell = (row, name) => {
    if (fields.value[name] === "number" && metrics.value.includes(name)) return metric(row.metrics[name], name);
    const cell = cellOf(row, name);
    return cell === null ? "" : value(cell);
  };
  return { store, text, fault, fields, titles, order, listed, filtered, shown, choices, picked, selected, csv, toggleColumn, sortBy, pick, shownCell, chosen: columns, shortKey };
}

/** The trials that pass, as a set, once nobody has moved a brush for a moment: for charts that take a while. */
export function settled(rows, milliseconds = 180) {
  const found = signal(null);
  let timer;
  rows.listed.subscribe((listed) => {
    clearTimeout(timer);
    const set = () => (found.value = listed.length === rows.store.rows.peek().length ? null : new Set(listed.map((row) => row.id)));
    timer = setTimeout(set, found.peek() === null && listed.length === rows.store.rows.peek().length ? 0 : milliseconds);
  });
  return found;
}
