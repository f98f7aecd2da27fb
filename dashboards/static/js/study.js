// The study page's islands: header, charts, rungs, coordinates and trials table over one live store.

import { effect } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { coordinates } from "./coords.js";
import { FrontTable, frontChart } from "./front.js";
import { Best, Facts } from "./header.js";
import { Ladder } from "./ladder.js";
import { createStore, fetchJson, showConnection } from "./store.js";
import { bestChart, curvesChart } from "./study_charts.js";
import { Trials } from "./table.js";

const root = document.getElementById("study");
const store = createStore(root.dataset.study);
const by = (id) => document.getElementById(id);

function island(id, Island) {
  by(id).replaceChildren();
  render(html`<${Island} store=${store} />`, by(id));
}

function curves() {
  const legend = Object.assign(document.createElement("div"), { className: "legend" });
  by("chart-curves").before(legend);
  curvesChart(by("chart-curves"), legend, store);
}

let mounted = false;
/** One island a task: with 10,000 trials all of them at once would keep the page from answering. */
async function mount() {
  mounted = true;
  const parts = [
    () => [["facts", Facts], ["best", Best]].forEach(([id, Island]) => island(id, Island)),
    () => bestChart(by("chart-best"), store),
    () => island("ladder", Ladder),
    curves,
    ...(by("front") ? [() => frontChart(by("chart-front"), store), () => island("front", FrontTable)] : []),
    () => island("trials", Trials),
    () => coordinates(by("coords"), store),
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

// The analysis costs the server a second or more: it is asked for when somebody looks.
const analysed = by("analysis");
let update = null;
analysed.addEventListener("toggle", async () => {
  if (!analysed.open) return;
  const { analysis } = await import("./analysis.js");
  update ??= analysis(by("analysis-parts"), store);
  await update();
});

// Pause, resume and stop without leaving the page; the forms work without this too.
const verbs = by("verbs");
effect(() => {
  const status = store.study.value?.status;
  if (!status || !verbs) return; // a viewer has no verbs
  for (const form of verbs.querySelectorAll("form")) {
    form.querySelector("button").disabled = !form.dataset.states.split(" ").includes(status);
  }
});
verbs?.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.dataset.verb === "stop" && !confirm("Stop this study? Running trials finish their epoch and are saved; nothing new starts.")) return;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const summary = await fetchJson(`${store.base}/${form.dataset.verb}`, { method: "POST" });
    store.study.value = { ...store.study.value, ...summary };
    store.notice.value = `${form.dataset.verb} asked for; running trials finish their epoch first`;
  } catch (error) {
    store.notice.value = error.message;
    button.disabled = false;
  }
});

store.load();
