// The trial page: its curves, and a fresh copy of its sections whenever the study says that it changed.

import { signal } from "@preact/signals";
import { axis, below, chart } from "./charts.js";
import { learn, metricLabel, scaled, value } from "./format.js";
import { token, viridis } from "./palette.js";
import { fetchJson, showConnection } from "./store.js";
import { swap } from "./swap.js";

const root = document.getElementById("trial");
const { study, trial: id, revision } = root.dataset;
const base = `/api/v1/studies/${encodeURIComponent(study)}`;
const trial = signal(null);
const measures = JSON.parse(root.dataset.measures);
learn(measures);
const told = (point, name) => (metricLabel(name).endsWith("%") ? point.toFixed(1) : value(point));
const TAIL_MS = 2000;
const DASHES = [[], [8, 4], [2, 3]];

function lines(names, label) {
  return () => {
    const now = trial.value;
    if (!now) return { empty: "Loading …" };
    const shown = names(now).filter((name) => now.curves[name]?.some((point) => point != null));
    if (!shown.length) return { empty: `No ${label} yet.` };
    const tone = (i) => (i === 0 ? token("accent") : viridis(Math.min(1, 0.35 + 0.4 * (i - 1))));
    return {
      data: [now.epochs, ...shown.map((name) => now.curves[name].map((point) => scaled(point, name)))],
      options: {
        key: shown.join(),
        scales: { x: { time: false, range: () => [0, Math.max(now.to_epoch, ...now.epochs)] } },
        axes: [below("epoch"), axis(label)],
        cursor: { drag: { x: false, y: false } },
        legend: { show: true },
        series: [{ label: "epoch", value: (_, point) => point ?? "–" }, ...shown.map((name, i) => ({
          label: metricLabel(name), stroke: tone(i), width: 2, dash: DASHES[i % DASHES.length], spanGaps: true,
          points: { show: now.epochs.length < 3, size: 6 },
          value: (_, point) => (point == null ? "–" : told(point, name)),
        }))],
      },
    };
  };
}

for (const place of document.querySelectorAll("[data-curves]")) {
  chart(place, lines(() => place.dataset.curves.split(" "), place.dataset.label), 200);
}

const load = async () => (trial.value = await fetchJson(`${base}/trials/${id}`));

let stale = false, busy = false;
/** One refresh at a time; changes that come meanwhile cause one more. */
async function refresh() {
  stale = true;
  if (busy) return;
  busy = true;
  try {
    while (stale) {
      stale = false;
      swap(await (await fetch(location.href)).text(), "[data-live]");
      await load();
    }
  } catch {
    showConnection("offline");
  } finally {
    busy = false;
  }
}

function listen(after) {
  const source = new EventSource(`${base}/events?after=${after}`);
  source.addEventListener("open", () => showConnection("live"));
  source.addEventListener("delta", (event) => {
    const delta = JSON.parse(event.data);
    after = delta.revision;
    if (delta.reset || delta.trials.some((row) => row.id === Number(id))) refresh();
  });
  source.addEventListener("error", () => {
    showConnection(navigator.onLine ? "reconnecting" : "offline");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(after), 3000);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}

const text = document.getElementById("log-text");
/** The end of the log, as long as somebody sees it and the trial may write. */
async function tail() {
  if (document.hidden) return;
  try {
    const { lines: now } = await fetchJson(`${base}/trials/${id}/log?output=${text.dataset.output}&lines=200`);
    const fresh = now.join("\n");
    if (fresh === text.textContent) return;
    const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 24;
    text.firstElementChild.textContent = fresh;
    text.hidden = !fresh;
    document.getElementById("log-empty").hidden = Boolean(fresh);
    if (atEnd) text.scrollTop = text.scrollHeight;
  } catch {
    showConnection("reconnecting");
  }
}
text.scrollTop = text.scrollHeight;
if (!root.dataset.ended) setInterval(tail, TAIL_MS);
document.addEventListener("acted", refresh);

load().then(() => listen(revision), () => showConnection("offline"));
