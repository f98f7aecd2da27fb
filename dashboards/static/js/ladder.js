// Rungs: for each bracket, which trials stand on which rung, who runs, who was promoted and why, which places are open.

import { html } from "htm/preact";
import { signal } from "@preact/signals";
import { metric } from "./format.js";
import { inkOn, scoreScale, viridis, dark } from "./palette.js";

const MOST_CHIPS = 30;
const told = signal(""); // about the trial under the pointer or the focus

function about(row, name) {
  const standing = `Trial ${row.id}, ${row.status}, epoch ${row.epoch} of ${row.rung}${row.score == null ? "" : `, ${metric(row.score, name)}`}`;
  const moved = row.advance_reason && row.advance_reason !== row.reason;
  return `${standing}. ${moved ? `Promoted: ${row.advance_reason}` : row.reason}`;
}

function Chip({ row, scale, store, name, lowest }) {
  const title = about(row, name);
  const promoted = row.rung > lowest;
  const kind = row.status === "failed" ? "failed" : row.status === "running" ? "running" : "";
  const t = row.score == null || kind === "failed" ? null : scale(row.score);
  const on = () => {
    store.hovered.value = row.id;
    told.value = title;
  };
  const off = () => {
    store.hovered.value = null;
    told.value = "";
  };
  return html`<a class="chip ${kind} ${t === null && kind !== "failed" ? "plain" : ""}" href="/studies/${store.id}/trials/${row.id}"
    aria-label=${title} style=${t === null ? {} : { background: viridis(t), color: inkOn(t) }}
    onMouseEnter=${on} onMouseLeave=${off} onFocus=${on} onBlur=${off}>${promoted && "↑"}${row.id}</a>`;
}

function Rung({ rung, size, standing, first, reached, lowest, scale, store, name }) {
  const open = Math.max(0, size - reached);
  const shown = foremost(standing, first);
  const slots = Math.min(open, Math.max(0, MOST_CHIPS - shown.length));
  return html`<div class="rung">
    <span class="goal">epoch ${rung}</span>
    <div class="chips">
      ${shown.map((row) => html`<${Chip} key=${row.id} row=${row} scale=${scale} store=${store} name=${name} lowest=${lowest} />`)}
      ${Array.from({ length: slots }, (_, i) => html`<span class="chip slot" key=${`open${i}`} title="open place" aria-hidden="true">·</span>`)}
      ${standing.length > shown.length && html`<span class="quiet">and ${standing.length - shown.length} more</span>`}
    </div>
  </div>`;
}

/** Those that are shown, in order; few of many are found without sorting all. */
function foremost(standing, first) {
  const shown = [];
  for (const row of standing) {
    if (shown.length === MOST_CHIPS && first(shown[MOST_CHIPS - 1], row) < 0) continue;
    let at = shown.length;
    while (at && first(row, shown[at - 1]) < 0) at--;
    shown.splice(at, 0, row);
    if (shown.length > MOST_CHIPS) shown.pop();
  }
  return shown;
}

/** Brackets with the same rungs as one group, so that a long study keeps a short ladder. */
function groups(plan) {
  const found = new Map();
  plan.brackets.forEach((bracket, index) => {
    const key = bracket.rungs.join();
    if (!found.has(key)) found.set(key, { rungs: bracket.rungs, sizes: bracket.sizes.map(() => 0), members: new Set() });
    const group = found.get(key);
    group.members.add(index);
    bracket.sizes.forEach((size, r) => (group.sizes[r] += size));
  });
  return [...found.values()];
}

function heading({ members, sizes }) {
  const [first] = members;
  const name = members.size === 1 ? `Bracket ${first + 1}` : `${members.size} brackets`;
  return `${name}: ${sizes.join(" → ")} trials`;
}

export function Ladder({ store }) {
  void dark.value;
  const study = store.study.value, rows = store.rows.value;
  const { metric: name, goal } = store.objective.value;
  const minimize = goal === "minimize";
  const scale = scoreScale(rows.map((row) => row.score), minimize);
  const better = (a, b) => (minimize ? 1 : -1) * ((a.score ?? 0) - (b.score ?? 0)) || a.id - b.id;
  const first = (a, b) => Number(b.status === "running") - Number(a.status === "running") || better(a, b);
  return html`<div class="ladder">
    ${groups(study.plan).map((group) => {
      const standing = new Map(group.rungs.map((rung) => [rung, []]));
      const mine = rows.filter((row) => group.members.has(row.bracket));
      for (const row of mine) standing.get(row.rung)?.push(row);
      const reached = (rung) => mine.reduce((sum, row) => sum + Number(row.rung >= rung), 0);
      return html`<div key=${group.rungs.join()}>
        <h3>${heading(group)}</h3>
        ${group.rungs.map((rung, r) => html`<${Rung} key=${rung} rung=${rung} size=${group.sizes[r]} lowest=${group.rungs[0]}
          standing=${standing.get(rung)} first=${first} reached=${reached(rung)}
          scale=${scale} store=${store} name=${name} />`).reverse()}
      </div>`;
    })}
  </div><p class="caption why" role="status"><${Why} /></p>`;
}

function Why() {
  return told.value || "Ringed: runs. ↑: promoted. Point at a trial to read why.";
}
