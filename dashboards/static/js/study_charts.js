// The study's two charts: the best so far against epochs spent, and the learning curves.

import { calmed } from "./calm.js";
import { axis, below, chart } from "./charts.js";
import { metric, metricLabel, scaled } from "./format.js";
import uPlot from "uplot";
import { token, viridis } from "./palette.js";

const MOST_CURVES = 100;

export function bestChart(place, store) {
  const handle = chart(place, () => {
    const study = store.study.value;
    if (!study) return { empty: "Loading …" };
    const { metric: name } = store.objective.value;
    const steps = store.steps.value;
    const spent = [...steps.spent], best = [...steps.best];
    if (best.length && spent[spent.length - 1] < study.epochs_spent) {
      spent.push(study.epochs_spent); // the line goes on to now
      best.push(best[best.length - 1]);
    }
    if (!best.length) return { empty: "The curve begins with the first finished epoch." };
    const fallback = study.default?.metrics[name] ?? null;
    const xs = [0, ...spent];
    const options = {
      key: `${name}|${study.epochs_planned}`,
      scales: {
        x: { time: false, range: () => [0, Math.max(study.epochs_planned, xs[xs.length - 1])] },
        y: { range: (_, low, high) => padded(low, high) },
      },
      axes: [below(), axis(metricLabel(name))],
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      series: [
        {},
        { label: "best", stroke: token("accent"), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
        { label: "default", stroke: token("quiet"), width: 1.5, dash: [6, 4], points: { show: false } },
      ],
    };
    // The default's line runs across the whole plan, so that the distance can be read at any point.
    const end = Math.max(study.epochs_planned, xs[xs.length - 1]);
    const data = [
      [...xs, ...(end > xs[xs.length - 1] ? [end] : [])],
      [null, ...best.map((number) => scaled(number, name))],
      xs.map(() => scaled(fallback, name)),
    ];
    if (end > xs[xs.length - 1]) {
      data[1].push(null);
      data[2].push(scaled(fallback, name));
    }
    const told = `best ${metric(best[best.length - 1], name)} after ${xs[xs.length - 1]} epochs`;
    return { data, options, caption: fallback === null ? told : `${told}; dashed: the recipe's default, ${metric(fallback, name)} at its epoch ${study.default.epoch}` };
  }, 150);
  return handle;
}

function padded(low, high) {
  if (low == null) return [0, 1];
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low < 0 ? low - pad : Math.max(0, low - pad), high + pad];
}

function rungReached(epoch, rungs) {
  return rungs.filter((rung) => rung <= epoch).length;
}

/** The `most` rows of least `cost`, in its order; 10,000 numbers are sorted sooner than 10,000 rows. */
function leading(rows, cost, most) {
  const costs = Float64Array.from(rows, cost);
  const limit = [...costs.slice().sort().subarray(0, most)].pop() ?? Infinity;
  const found = rows.map((row, i) => ({ row, cost: costs[i] })).filter((each) => each.cost <= limit);
  return found.sort((a, b) => (a.cost === b.cost ? 0 : a.cost - b.cost)).slice(0, most).map(({ row }) => row);
}

/** Learning curves of the best trials among those in `passing` (a Set; null: all). */
export function curvesChart(place, legend, store, passing) {
  const rows = calmed(store.rows);
  chart(place, () => {
    const study = store.study.value;
    if (!study) return { empty: "Loading …" };
    const { metric: name, goal } = store.objective.value;
    const points = store.points.value;
    if (!points.trial.length) return { empty: "No epoch is finished yet." };
    const sign = goal === "minimize" ? 1 : -1;
    const among = passing.value;
    const ranked = rows.value.filter((row) => row.epoch > 0 && (!among || among.has(row.id)));
    if (!ranked.length) return { empty: "No trial passes the filter." };
    const drawn = leading(ranked, (row) => sign * (row.score ?? sign * Infinity), MOST_CURVES).reverse();
    const place_of = new Map(drawn.map((row, i) => [row.id, i]));
    const length = points.epoch.reduce((most, epoch) => Math.max(most, epoch), 0);
    const lines = drawn.map(() => new Array(length + 1).fill(null));
    const values = points.metrics[name] ?? [];
    for (let i = 0; i < points.trial.length; i++) {
      const at = place_of.get(points.trial[i]);
      if (at !== undefined) lines[at][points.epoch[i]] = scaled(values[i], name);
    }
    const rungs = study.plan.rungs;
    const tone = (epoch) => viridis(rungs.length ? rungReached(epoch, rungs) / rungs.length : 1);
    showLegend(legend, rungs);
    const options = {
      key: drawn.map((row) => `${row.id}:${rungReached(row.epoch, rungs)}`).join(),
      scales: { x: { time: false, range: () => [0, Math.max(study.plan.max_epochs, length)] }, y: { range: (_, low, high) => padded(low, high) } },
      axes: [below("epoch", { splits: () => [0, ...rungs] }), axis(metricLabel(name))],
      focus: { alpha: 0.25 },
      cursor: { focus: { prox: 24 }, drag: { x: false, y: false }, points: { size: 6 } },
      hooks: { setSeries: [(plot, index) => hover(store, plot, drawn, index)] },
      series: [{}, ...drawn.map((row) => ({
        label: `trial ${row.id}`, stroke: tone(row.epoch), width: 1.5, spanGaps: true,
        points: { show: row.epoch <= 1, size: 5, fill: tone(row.epoch) },
      }))],
    };
    const more = ranked.length > drawn.length ? `the best ${drawn.length} of ${ranked.length} trials` : "";
    return { data: [Array.from({ length: length + 1 }, (_, i) => i), ...lines], options, caption: more };
  }, 280);
}

function hover(store, plot, drawn, index) {
  store.hovered.value = index == null ? null : drawn[index - 1]?.id ?? null;
}

function showLegend(legend, rungs) {
  if (legend.dataset.key === `${rungs.join()}|${token("page")}`) return;
  legend.dataset.key = `${rungs.join()}|${token("page")}`;
  const parts = ["below the first rung", ...rungs.map((rung) => `epoch ${rung}`)].map((text, i) => {
    const line = Object.assign(document.createElement("span"), { className: "line" });
    line.style.borderColor = viridis(rungs.length ? i / rungs.length : 1);
    const part = document.createElement("span");
    part.append(line, text);
    return part;
  });
  legend.replaceChildren(...parts);
}
