// The trials table: filter, order, columns, selection, pins; only the rows in sight are in the document.

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { shortKey, value } from "./format.js";
import { dark, scoreScale, viridis } from "./palette.js";
import { toast } from "./undo.js";
import { fetchJson } from "./store.js";

const ROW = 33, SPARE = 3, MOST_SETTINGS = 3, MOST_COMPARED = 20;
const top = signal(0); // the first row in sight
const sight = signal(16); // how many rows there are in it

function Head({ name, rows }) {
  const number = rows.fields.value[name] === "number";
  const title = rows.titles.value[name];
  if (name === "changed") return html`<th scope="col">${title}</th>`;
  const { name: by, down } = rows.order.value;
  const order = by === name ? (down ? "descending" : "ascending") : undefined;
  return html`<th scope="col" class=${number ? "num" : ""} aria-sort=${order} title=${name}><button type="button" onClick=${() => rows.sortBy(name)}>${title}</button></th>`;
}

function Changed({ row, defaults }) {
  const changed = Object.entries(row.values).filter(
    ([key, setting]) => !defaults || JSON.stringify(defaults[key]) !== JSON.stringify(setting),
  );
  if (!changed.length) return html`<span class="quiet">none</span>`;
  const rest = changed.slice(MOST_SETTINGS);
  const told = rest.map(([key, setting]) => `${key} ${value(setting)}`).join("\n");
  return html`${changed.slice(0, MOST_SETTINGS).map(([key, setting]) => html`<span key=${key} title=${key}>${shortKey(key)} <b>${value(setting)}</b></span> `)}
    ${rest.length > 0 && html`<span class="quiet" title=${told}>and ${rest.length} more</span>`}`;
}

async function pin(store, row) {
  const verb = row.pinned ? "unpin" : "pin";
  try {
    const acted = await fetchJson(`${store.base}/trials/${row.id}/${verb}`, { method: "POST" });
    store.rows.value = store.rows.value.map((one) => (one.id === row.id ? { ...one, pinned: !row.pinned } : one));
    toast(`Trial ${row.id}: ${acted.told}`, { undo: () => pin(store, { ...row, pinned: !row.pinned }) });
  } catch (error) {
    toast(error.message);
  }
}

function Cell({ name, row, rows, context }) {
  const { store, scale, defaults, acts } = context;
  const href = `/studies/${store.id}/trials/${row.id}`;
  switch (name) {
    case "trial":
      return html`<th scope="row" class="num"><span class="swatch" style=${{ background: row.score == null ? "transparent" : viridis(scale(row.score)) }}></span><a href=${href}>${row.id}</a>${acts
        ? html`<button type="button" class="pin" aria-pressed=${String(Boolean(row.pinned))} aria-label=${`Pin trial ${row.id}`} title="Pinned: its checkpoints are kept" onClick=${() => pin(store, row)}>${row.pinned ? "★" : "☆"}</button>`
        : row.pinned && html`<span class="pin" title="Pinned: its checkpoints are kept">★</span>`}</th>`;
    case "changed":
      return html`<td class="settings"><${Changed} row=${row} defaults=${defaults} /></td>`;
    case "state":
      return html`<td title=${row.message || row.advance_reason}><span class="state state-${row.status}">${row.status}</span>${row.failure && html` <small class="quiet">${row.failure}</small>`}</td>`;
    default:
      return html`<td class=${rows.fields.value[name] === "number" ? "num" : name === "reason" ? "prose" : ""} title=${name === "origin" ? row.reason : undefined}>${rows.shownCell(row, name)}</td>`;
  }
}

function Row({ row, rows, names, context, at, picked, hot }) {
  const { store } = context;
  const href = `/studies/${store.id}/trials/${row.id}`;
  return html`<tr data-href=${href} aria-rowindex=${at + 2} class=${hot ? "hot" : ""} onMouseEnter=${() => (store.hovered.value = row.id)} onMouseLeave=${() => (store.hovered.value = null)}>
    <td class="pick"><input type="checkbox" checked=${picked} aria-label=${`Compare trial ${row.id}`} onChange=${() => rows.pick(row.id)} /></td>
    ${names.map((name) => html`<${Cell} key=${name} name=${name} row=${row} rows=${rows} context=${context} />`)}
  </tr>`;
}

function Columns({ rows }) {
  return html`<details class="menu" id="columns"><summary class="button">Columns</summary><div class="sheet columns">
    ${rows.choices.value.map((name) => html`<label key=${name} title=${name}><input type="checkbox" checked=${rows.shown.value.includes(name)} onChange=${() => rows.toggleColumn(name)} /> ${rows.titles.value[name]}</label>`)}
    ${rows.chosen.value && html`<button type="button" onClick=${() => (rows.chosen.value = "")}>The usual ones</button>`}
  </div></details>`;
}

function Compare({ rows, store }) {
  const ids = [...rows.picked.value];
  if (!ids.length) return null;
  const able = ids.length >= 2 && ids.length <= MOST_COMPARED;
  const why = ids.length < 2 ? "Tick another trial to compare" : able ? "Beside each other" : `At most ${MOST_COMPARED} trials can be compared`;
  return html`<span class="picked">${able
    ? html`<a class="button" id="compare" href=${`/studies/${store.id}/compare?trials=${ids.join()}`} title=${why}>Compare ${ids.length}</a>`
    : html`<span class="quiet" title=${why}>${ids.length} ticked</span>`} <button type="button" class="plain" aria-label="Untick all" title="Untick all" onClick=${() => (rows.selected.value = "")}>×</button></span>`;
}

function Tools({ rows, store }) {
  const all = store.rows.value.length, passed = rows.listed.value.length, fault = rows.fault.value;
  const typed = (event) => {
    rows.text.value = event.target.value;
    top.value = 0;
  };
  const typedKey = (event) => {
    if (event.key !== "Escape") return;
    rows.text.value = "";
    event.target.blur();
  };
  return html`<div class="tools" role="search">
      <input type="search" placeholder="rank1 > .8 and state = running" aria-label="Filter the trials" maxlength="1000" aria-invalid=${fault ? "true" : undefined} aria-describedby="filter-fault"
        title=${`Names: ${Object.keys(rows.fields.value).join(", ")}\n= != < <= > >= ~ (contains), in [a, b], in 0.1..0.5, and, or, not; a word alone is looked for everywhere`}
        value=${rows.text.value} onInput=${typed} onKeyDown=${typedKey} />
      <span class="count" role="status">${passed === all ? `${all} trials` : `${passed} of ${all} trials`}</span>
      <${Compare} rows=${rows} store=${store} />
      <${Columns} rows=${rows} />
      <a class="button" href=${rows.csv.value} download>CSV</a>
      <a class="button" href=${`/studies/${store.id}/report`}>Report</a>
    </div>
    <p class="fault" id="filter-fault" role="alert">${fault}</p>`;
}

/** The rows in sight and a few around them; what lies above and below is two empty rows of its height. */
function Body({ rows, context, names }) {
  const listed = rows.listed.value;
  const picked = rows.picked.value, hovered = context.store.hovered.value;
  const few = listed.length <= sight.value + 4 * SPARE;
  const from = few ? 0 : Math.max(0, Math.min(top.value, listed.length - sight.value) - SPARE);
  const to = few ? listed.length : Math.min(listed.length, from + sight.value + 2 * SPARE);
  const gap = (count) => count > 0 && html`<tr class="gap" aria-hidden="true" style=${{ height: `${count * ROW}px` }}><td colspan=${names.length + 1}></td></tr>`;
  return html`<tbody>
    ${gap(from)}
    ${listed.slice(from, to).map((row, i) => html`<${Row} key=${row.id} row=${row} rows=${rows} names=${names} context=${context} at=${from + i} picked=${picked.has(row.id)} hot=${hovered === row.id} />`)}
    ${gap(listed.length - to)}
    ${!listed.length && html`<tr><td colspan=${names.length + 1} class="quiet">No trial passes. Esc clears the filter and the brush.</td></tr>`}
  </tbody>`;
}

export function Trials({ store, rows }) {
  void dark.value;
  const place = useRef(null);
  const all = store.rows.value;
  useLayoutEffect(() => {
    if (place.current) sight.value = Math.max(8, Math.ceil(place.current.clientHeight / ROW));
  }, [all.length > 0]);
  const goal = store.objective.value.goal;
  const scale = useMemo(() => scoreScale(all.map((row) => row.score), goal === "minimize"), [all, goal]);
  const defaults = useMemo(() => all.find((row) => row.origin === "default")?.values, [all]);
  if (!all.length) return html`<p class="empty">No trial yet. The first one is the recipe's default configuration.</p>`;
  const names = rows.shown.value;
  const context = { store, scale, defaults, acts: store.acts };
  const scrolled = (event) => (top.value = Math.floor(event.currentTarget.scrollTop / ROW / SPARE) * SPARE);
  return html`<${Tools} rows=${rows} store=${store} />
    <div class="scroll tall" tabindex="0" role="region" aria-label="Trials table" ref=${place} onScroll=${scrolled}>
      <table class="rows fixed" aria-rowcount=${rows.listed.value.length + 1}>
        <thead><tr><td class="pick"></td>${names.map((name) => html`<${Head} key=${name} name=${name} rows=${rows} />`)}</tr></thead>
        <${Body} rows=${rows} context=${context} names=${names} />
      </table>
    </div>`;
}
