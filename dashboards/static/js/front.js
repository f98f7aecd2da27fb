// Several objectives: the Pareto front among all trials, as a chart of the first two and as a table of all.

import { html } from "htm/preact";
import uPlot from "uplot";
import { axis, below, chart } from "./charts.js";
import { metric, metricLabel, scaled } from "./format.js";
import { token } from "./palette.js";

/** What both show of a study: its front in words. */
function told(study) {
  const share = study.hypervolume == null ? "" : `; hypervolume ${study.hypervolume.toFixed(3)}`;
  const wanted = study.constraints.length ? `; wanted: ${study.constraints.join(" and ")}` : "";
  return `${study.front.length} of ${study.trials_started} trials are on the front${share}${wanted}`;
}

/** Points in the order of x, each in the column of its kind: sound, broken, front. */
function columns(study, rows, [up, across]) {
  const point = (metrics, kind) => ({ x: scaled(metrics[across.metric], across.metric), y: scaled(metrics[up.metric], up.metric), kind });
  const points = [
    ...rows.map((row) => point(row.metrics, row.broken?.length ? 1 : 0)),
    ...study.front.map((one) => point(one.metrics, 2)),
  ].filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  points.sort((a, b) => a.x - b.x);
  return [points.map(({ x }) => x), ...[0, 1, 2].map((kind) => points.map((each) => (each.kind === kind ? each.y : null)))];
}

function dots(label, stroke, fill, size) {
  return { label, stroke, width: 0, paths: () => null, points: { show: true, size, stroke, fill, width: 1.5 } };
}

function padded(low, high) {
  if (low == null) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - pad, high + pad];
}

export function frontChart(place, store) {
  chart(place, () => {
    const study = store.study.value;
    if (!study) return { empty: "Loading …" };
    const [up, across] = study.objective;
    const data = columns(study, store.rows.value, [up, across]);
    if (!data[0].length) return { empty: "The front begins with the first finished rung." };
    const options = {
      key: `${up.metric}|${across.metric}`,
      scales: { x: { time: false, range: (_, low, high) => padded(low, high) }, y: { range: (_, low, high) => padded(low, high) } },
      axes: [below(metricLabel(across.metric), { incrs: undefined }), axis(metricLabel(up.metric))],
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      series: [
        {},
        dots("trial", token("quiet"), token("surface"), 6),
        dots("breaks a constraint", token("line-strong"), token("page"), 4),
        {
          ...dots("front", token("accent"), token("accent"), 9),
          width: 1.5, spanGaps: true, paths: uPlot.paths.stepped({ align: across.goal === "minimize" ? 1 : -1 }),
        },
      ],
    };
    return { data, options, caption: told(study) };
  }, 280);
}

export function FrontTable({ store }) {
  const study = store.study.value;
  if (!study.front.length) return html`<p class="quiet">No trial is on the front yet.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Trials of the Pareto front">
    <table class="rows">
      <thead><tr><th scope="col" class="num">Trial</th><th scope="col" class="num">Epoch</th>
        ${study.objective.map(({ metric: name }) => html`<th scope="col" class="num" key=${name}>${metricLabel(name)}</th>`)}</tr></thead>
      <tbody>${study.front.map((one) => html`<tr key=${`${one.trial}:${one.epoch}`} onMouseEnter=${() => (store.hovered.value = one.trial)} onMouseLeave=${() => (store.hovered.value = null)}>
        <th scope="row" class="num"><a href=${`/studies/${store.id}/trials/${one.trial}`}>${one.trial}</a></th><td class="num">${one.epoch}</td>
        ${study.objective.map(({ metric: name }) => html`<td class="num" key=${name}>${metric(one.metrics[name], name)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}
