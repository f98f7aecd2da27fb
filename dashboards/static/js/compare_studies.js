// Several studies' best so far against what each had spent by then; renewed while any of them goes on.

import { effect, signal } from "@preact/signals";
import uPlot from "uplot";
import { axis, below, chart } from "./charts.js";
import { learn, metric, metricLabel, scaled } from "./format.js";
import { dark, viridis } from "./palette.js";
import { fetchJson, showConnection } from "./store.js";
import { swap } from "./swap.js";

const EVERY_MS = 4000;
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]; // no line is told from another by its colour alone
const panel = document.getElementById("against-cost");
const address = new URL(location.href);
const cost = signal(address.searchParams.get("cost") === "hours" ? "hours" : "epochs");
const compared = signal(null);
const problem = signal("");

const colour = (place, count) => viridis(count > 1 ? place / (count - 1) : 0.5);
const dash = (place) => DASHES[place % DASHES.length];

/** Each study's best (or null) at every cost that any of them has a step at: what uPlot draws. */
function columns({ studies }) {
  const { metric: name, goal } = studies[0].study.objective[0];
  const per = studies.map((one) => (cost.value === "hours" ? one.hours_per_epoch : 1));
  const same = (one) => one.study.objective[0].metric === name && one.study.objective[0].goal === goal;
  const ends = studies.map((one, i) => one.study.epochs_spent * per[i]);
  const places = studies.flatMap((one, i) => (per[i] && same(one) ? [...one.steps.spent, one.study.epochs_spent].map((at) => at * per[i]) : []));
  const at = [...new Set(places)].sort((a, b) => a - b);
  const lines = studies.map((one, i) => {
    let next = 0, best = null;
    return at.map((x) => {
      if (!per[i] || !same(one) || x > ends[i] + 1e-9) return null;
      while (next < one.steps.spent.length && one.steps.spent[next] * per[i] <= x + 1e-9) best = one.steps.best[next++];
      return scaled(best, name);
    });
  });
  return { at, lines, name };
}

function describe() {
  if (problem.value) return { empty: problem.value };
  const found = compared.value;
  if (!found) return { empty: "Loading …" };
  const { at, lines, name } = columns(found);
  if (at.length < 2) return { empty: "No study has finished an epoch yet." };
  const count = found.studies.length;
  const series = found.studies.map(({ study }, i) => ({
    label: study.name, value: (_, number) => (number == null ? "–" : metric(number / scaled(1, name), name)), stroke: colour(i, count), width: 2, dash: dash(i), points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }),
  }));
  const said = found.studies.map(({ study }, i) => `${i + 1}. ${study.name} ${metric(study.best?.metrics[name], name)}`);
  return {
    data: [at, ...lines],
    caption: said.join(" · "),
    options: {
      key: `${cost.value}|${found.studies.map((one) => one.study.id)}`,
      scales: { x: { time: false } },
      axes: [cost.value === "hours" ? axis("hours of all trials", { size: 26 }) : below("epochs of all trials"), axis(metricLabel(name))],
      series: [{ label: cost.value === "hours" ? "hours" : "epochs" }, ...series],
      legend: { show: true },
    },
  };
}

/** The mark beside each study's name, as its line is drawn. */
effect(() => {
  void dark.value;
  const count = compared.value?.studies.length ?? 0;
  for (const mark of document.querySelectorAll("[data-mark]")) {
    const place = Number(mark.dataset.mark), line = mark.querySelector("i");
    if (!count || !line) continue;
    line.style.borderTopColor = colour(place, count);
    line.style.borderTopStyle = ["solid", "dashed", "dotted", "dashed"][place % DASHES.length];
  }
});

async function refresh(first) {
  if (document.hidden && !first) return;
  try {
    const found = await fetchJson(`/api/v1/compare?studies=${encodeURIComponent(panel.dataset.studies)}`);
    const known = compared.value?.studies.map((one) => one.study.revision).join();
    if (known !== found.studies.map((one) => one.study.revision).join()) {
      learn(found.studies[0].study.measures);
      compared.value = found;
      if (known !== undefined) swap(await (await fetch(location.href)).text(), "#against-cost .scroll, #beside, #differences");
    }
    problem.value = "";
    showConnection("live");
  } catch (error) {
    if (!compared.value) problem.value = error.message;
    showConnection("offline");
  }
}

if (panel) {
  chart(document.getElementById("chart-cost"), describe, 320);
  for (const input of panel.querySelectorAll("[name=cost]")) {
    input.checked = input.value === cost.value;
    input.addEventListener("change", () => {
      cost.value = input.value;
      if (cost.value === "hours") address.searchParams.set("cost", "hours");
      else address.searchParams.delete("cost");
      history.replaceState(null, "", address);
    });
  }
  refresh(true);
  setInterval(refresh, EVERY_MS);
}
