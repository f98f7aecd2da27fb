// The study page's islands: header, charts, rungs, coordinates and trials table over one live store.

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { coordinates } from "./coords.js";
import { explore } from "./explore.js";
import { FrontTable, frontChart } from "./front.js";
import { Best, Facts } from "./header.js";
import { Ladder } from "./ladder.js";
import { matters } from "./matters.js";
import { createStore, showConnection } from "./store.js";
import { bestChart, curvesChart } from "./study_charts.js";
import { menus, verbs } from "./study_verbs.js";
import { Trials } from "./table.js";
import { createRows, settled } from "./trial_rows.js";

const root = document.getElementById("study");
const store = createStore(root.dataset.study);
store.acts = Boolean(root.dataset.acts);
const by = (id) => document.getElementById(id);
const passing = signal(null); // the trials that filter and brush let through, once they rest; null: all

function island(id, Island, more = {}) {
  by(id).replaceChildren();
  render(html`<${Island} store=${store} ...${more} />`, by(id));
}

function curves() {
  const legend = Object.assign(document.createElement("div"), { className: "legend" });
  by("chart-curves").before(legend);
  curvesChart(by("chart-curves"), legend, store, passing);
}

let mounted = false;
/** One island a task: with 10,000 trials all of them at once would keep the page from answering. */
async function mount() {
  mounted = true;
  const rows = createRows(store);
  const parts = [
    () => [["facts", Facts], ["best", Best]].forEach(([id, Island]) => island(id, Island)),
    () => bestChart(by("chart-best"), store),
    () => island("ladder", Ladder),
    () => coordinates(by("coords"), store),
    () => island("trials", Trials, { rows }),
    curves,
    () => explore(by("explore"), store, rows, passing),
    ...(by("front") ? [() => frontChart(by("chart-front"), store), () => island("front", FrontTable)] : []),
    () => settled(rows).subscribe((found) => (passing.value = found)),
    () => matters(by("matters"), store),
  ];
  for (const part of parts) {
    part();
    await new Promise((next) => setTimeout(next));
  }
}

effect(() => {
  if (store.study.value && !mounted) queueMicrotask(mount);
});
effect(() => showConnection(store.connection.value));
effect(() => {
  if (!store.problem.value || store.study.value) return;
  for (const place of document.querySelectorAll(".loading")) place.textContent = `Not loaded: ${store.problem.value}`;
});

// The whole analysis is drawn when somebody looks.
const analysed = by("analysis");
let update = null;
analysed.addEventListener("toggle", async () => {
  if (!analysed.open) return;
  const { analysis } = await import("./analysis.js");
  update ??= analysis(by("analysis-parts"), store);
  await update();
});

verbs(by("verbs"), store);
menus();
store.load();
