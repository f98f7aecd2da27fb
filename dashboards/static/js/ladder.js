// Rungs: for each bracket, which trials stand on which rung, who runs, and which places are still open.

import { html } from "htm/preact";
import { metric } from "./format.js";
import { inkOn, scoreScale, viridis, dark } from "./palette.js";

const MOST_CHIPS = 40;

function Chip({ row, scale, store, name }) {
  const title = `Trial ${row.id}, ${row.status}, epoch ${row.epoch}${row.score == null ? "" : `, ${metric(row.score, name)}`}. ${row.advance_reason || row.reason}`;
  const kind = row.status === "failed" ? "failed" : row.status === "running" ? "running" : "";
  const t = row.score == null || kind === "failed" ? null : scale(row.score);
  return html`<a class="chip ${kind} ${t === null && kind !== "failed" ? "plain" : ""}" href="/studies/${store.id}/trials/${row.id}" title=${title}
    aria-label=${title} style=${t === null ? {} : { background: viridis(t), color: inkOn(t) }}
    onMouseEnter=${() => (store.hovered.value = row.id)} onMouseLeave=${() => (store.hovered.value = null)}>${row.id}</a>`;
}

function Rung({ rung, size, standing, reached, scale, store, name }) {
  const open = Math.max(0, size - reached);
  const shown = standing.slice(0, MOST_CHIPS);
  const slots = Math.min(open, MOST_CHIPS - shown.length);
  return html`<div class="rung">
    <span class="goal">epoch ${rung}</span>
    <div class="chips">
      ${shown.map((row) => html`<${Chip} key=${row.id} row=${row} scale=${scale} store=${store} name=${name} />`)}
      ${Array.from({ length: slots }, (_, i) => html`<span class="chip slot" key=${`open${i}`} title="open place" aria-hidden="true">·</span>`)}
      ${standing.length > shown.length && html`<span class="quiet">and ${standing.length - shown.length} more</span>`}
    </div>
  </div>`;
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

function title({ members, sizes }) {
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
  return html`<div class="ladder">
    ${groups(study.plan).map((group) => {
      const mine = rows.filter((row) => group.members.has(row.bracket));
      return html`<div key=${group.rungs.join()}>
        <h3>${title(group)}</h3>
        ${group.rungs.map((rung, r) => html`<${Rung} key=${rung} rung=${rung} size=${group.sizes[r]}
          standing=${mine.filter((row) => row.rung === rung).sort(better)} reached=${mine.filter((row) => row.rung >= rung).length}
          scale=${scale} store=${store} name=${name} />`).reverse()}
      </div>`;
    })}
  </div>`;
}
