// The trials table: sorted, filtered by words and by the brush, one page of rows in the document.

import { html } from "htm/preact";
import { computed, signal } from "@preact/signals";
import { metric, metricLabel, shortKey, value } from "./format.js";
import { dark, scoreScale, viridis } from "./palette.js";

const PAGE = 25;

const sort = signal({ by: "score", down: true });
const words = signal("");
const page = signal(0);

const columnsOf = (study) => [
  { id: "id", label: "Trial", num: true, of: (row) => row.id },
  { id: "origin", label: "Origin", of: (row) => row.origin },
  { id: "rung", label: "Rung", num: true, of: (row) => row.rung },
  { id: "epoch", label: "Epoch", num: true, of: (row) => row.epoch },
  ...study.measures.shown.map((name) => ({ id: name, label: metricLabel(name), num: true, of: (row) => row.metrics[name] ?? null })),
  { id: "changed", label: "Changed parameters", of: null },
  { id: "status", label: "State", of: (row) => row.status },
];

function searchable(row) {
  const values = Object.entries(row.values).map(([key, setting]) => `${key}=${value(setting)}`);
  return `${row.id} ${row.origin} ${row.status} ${row.failure} ${values.join(" ")}`.toLowerCase();
}

function compare(a, b, down) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1; // empty cells last, whichever way
  if (b === null || b === undefined) return -1;
  return (a < b ? -1 : 1) * (down ? -1 : 1);
}

let cached = null;
/** Rows that pass filter and brush, in order; worked out once a change. */
function listed(store) {
  cached ??= computed(() => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const brushed = store.brushed.value;
    const { by, down } = sort.value;
    const { metric: name, goal } = store.objective.value;
    const of = by === "score" ? (row) => row.metrics[name] ?? null : columnsOf(store.study.value).find((column) => column.id === by).of;
    const direction = by === "score" ? goal !== "minimize" : down;
    return store.rows.value
      .filter((row) => !brushed || brushed.has(row.id))
      .filter((row) => !wanted.length || wanted.every((word) => searchable(row).includes(word)))
      .sort((a, b) => compare(of(a), of(b), direction) || a.id - b.id);
  });
  return cached.value;
}

function Head({ column, active }) {
  if (!column.of) return html`<th scope="col">${column.label}</th>`;
  const order = active ? (sort.value.down ? "descending" : "ascending") : undefined;
  const flip = () => {
    const now = sort.value;
    sort.value = { by: column.id, down: now.by === column.id ? !now.down : Boolean(column.num && column.id !== "id") };
    page.value = 0;
  };
  return html`<th scope="col" class=${column.num ? "num" : ""} aria-sort=${order}><button type="button" onClick=${flip}>${column.label}</button></th>`;
}

function Changed({ row, defaults }) {
  const changed = Object.entries(row.values).filter(
    ([key, setting]) => !defaults || JSON.stringify(defaults[key]) !== JSON.stringify(setting),
  );
  if (!changed.length) return html`<span class="quiet">none</span>`;
  return changed.map(([key, setting]) => html`<span key=${key} title=${key}>${shortKey(key)} <b>${value(setting)}</b></span> `);
}

function Row({ row, store, scale, defaults, hot }) {
  const href = `/studies/${store.id}/trials/${row.id}`;
  return html`<tr data-href=${href} class=${hot ? "hot" : ""} onMouseEnter=${() => (store.hovered.value = row.id)} onMouseLeave=${() => (store.hovered.value = null)}>
    <th scope="row" class="num"><span class="swatch" style=${{ background: row.score == null ? "transparent" : viridis(scale(row.score)) }}></span><a href=${href}>${row.id}</a></th>
    <td title=${row.reason}>${row.origin}</td>
    <td class="num">${row.rung}</td>
    <td class="num">${row.epoch}</td>
    ${store.study.value.measures.shown.map((name) => html`<td class="num" key=${name}>${metric(row.metrics[name], name)}</td>`)}
    <td class="settings"><${Changed} row=${row} defaults=${defaults} /></td>
    <td title=${row.message || row.advance_reason}><span class="state state-${row.status}">${row.status}</span>${row.failure && html` <small class="quiet">${row.failure}</small>`}</td>
  </tr>`;
}

export function Trials({ store }) {
  void dark.value;
  const all = store.rows.value;
  if (!all.length) return html`<p class="empty">No trial yet. The first one is the recipe's default configuration.</p>`;
  const columns = columnsOf(store.study.value);
  const rows = listed(store);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const at = Math.min(page.value, pages - 1);
  const { metric: name, goal } = store.objective.value;
  const scale = scoreScale(all.map((row) => row.score), goal === "minimize");
  const defaults = all.find((row) => row.origin === "default")?.values;
  const active = sort.value.by === "score" ? name : sort.value.by;
  const typed = (event) => {
    words.value = event.target.value;
    page.value = 0;
  };
  const typedKey = (event) => {
    if (event.key !== "Escape") return;
    words.value = "";
    event.target.blur();
  };
  return html`
    <div class="tools">
      <input type="search" placeholder="Filter: running, BASE_LR=…" aria-label="Filter the trials" value=${words.value} onInput=${typed} onKeyDown=${typedKey} />
      <span class="count" role="status">${rows.length === all.length ? `${all.length} trials` : `${rows.length} of ${all.length} trials`}</span>
      ${pages > 1 && html`
        <button type="button" disabled=${at === 0} onClick=${() => (page.value = at - 1)}>Previous</button>
        <span>${at + 1} of ${pages}</span>
        <button type="button" disabled=${at === pages - 1} onClick=${() => (page.value = at + 1)}>Next</button>`}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Trials table">
      <table class="rows">
        <thead><tr>${columns.map((column) => html`<${Head} key=${column.id} column=${column} active=${active === column.id} />`)}</tr></thead>
        <tbody>
          ${rows.slice(at * PAGE, (at + 1) * PAGE).map((row) => html`<${Row} key=${row.id} row=${row} store=${store} scale=${scale} defaults=${defaults} hot=${store.hovered.value === row.id} />`)}
          ${!rows.length && html`<tr><td colspan=${columns.length} class="quiet">No trial passes. Esc clears the filter and the brush.</td></tr>`}
        </tbody>
      </table>
    </div>`;
}
