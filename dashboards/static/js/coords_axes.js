// The axes of the parallel coordinates: where a value lies, what stands beside it, and the brushes as the address has them.

import { metric, metricLabel, shortKey, value } from "./format.js";

/** `KEY:low~high;KEY:low~high`, as the address holds them. */
export const printed = (brushes) => [...brushes].map(([key, ends]) => `${key}:${ends.map((end) => end.toFixed(3)).join("~")}`).join(";");
export function parsed(text) {
  const found = new Map();
  for (const part of text.split(";")) {
    const match = /^(.*):(-?[\d.]+)~(-?[\d.]+)$/.exec(part);
    if (match) found.set(match[1], [Number(match[2]), Number(match[3])]);
  }
  return found;
}

/** Lists are one choice as much as numbers are: equal ones have one place. */
const plain = (item) => (typeof item === "object" ? JSON.stringify(item) : item);

/** An axis: where a value lies on it in [0, 1] (null: not set), and its tick labels. */
function parameterAxis(key, parameter) {
  if (parameter.type === "choice") {
    const last = parameter.values.length - 1;
    const places = new Map(parameter.values.map((item, i) => [plain(item), last < 1 ? 0.5 : i / last]));
    const place = (item) => places.get(plain(item)) ?? null;
    return { key, label: shortKey(key), place, ticks: parameter.values.map((item) => [place(item), value(item)]) };
  }
  const { low, high, log } = parameter;
  const warp = log && low > 0 ? Math.log : (x) => x;
  const least = warp(low), span = warp(high) - least || 1;
  const place = (x) => (typeof x === "number" ? (warp(x) - least) / span : null);
  return { key, label: shortKey(key) + (log ? " (log)" : ""), place, ticks: [[0, value(low)], [1, value(high)]] };
}

function objectiveAxis(name, scale, minimize) {
  const span = scale.high - scale.low || 1;
  const place = (score) => (score == null ? null : minimize ? (scale.high - score) / span : (score - scale.low) / span);
  const ends = minimize ? [scale.high, scale.low] : [scale.low, scale.high];
  const ticks = Number.isFinite(scale.low) ? [[0, metric(ends[0], name)], [1, metric(ends[1], name)]] : [];
  return { key: name, objective: true, label: metricLabel(name), place, ticks };
}

/** An axis for every parameter and the objective's as the last. */
export function axesOf(study, { metric: name, goal }, scale) {
  const parameters = Object.entries(study.space_model.parameters).map(([key, parameter]) => parameterAxis(key, parameter));
  return [...parameters, objectiveAxis(name, scale, goal === "minimize")];
}
