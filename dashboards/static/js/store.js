// One study in the browser: fetched once, kept up to date by server-sent events. Islands read its signals.

import { batch, computed, signal } from "@preact/signals";
import { learn } from "./format.js";

const RETRY_MS = 3000;

export async function fetchJson(path, options) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error?.message ?? `${path}: ${answer.status} ${answer.statusText}`);
  return body;
}

/** Trials out of their columns, each as the API tells it alone. */
function rowsOf({ metrics, values, active, ...columns }) {
  const names = Object.keys(columns), measured = Object.keys(metrics), set = Object.keys(values);
  return columns.id.map((_, i) => {
    const row = { metrics: {}, values: {} };
    for (const name of names) row[name] = columns[name][i];
    for (const name of measured) if (metrics[name][i] !== null) row.metrics[name] = metrics[name][i];
    for (const key of set) if (active[key] === undefined || active[key][i] === "1") row.values[key] = values[key][i];
    return row;
  });
}

/** The rows (by number) with `fresh` ones in their places. */
function replaced(rows, fresh) {
  const next = [...rows];
  for (const row of fresh) {
    let low = 0, high = next.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (next[middle].id < row.id) low = middle + 1;
      else high = middle;
    }
    next.splice(low, next[low]?.id === row.id ? 1 : 0, row);
  }
  return next;
}

export function createStore(id) {
  const base = `/api/v1/studies/${encodeURIComponent(id)}`;
  const study = signal(null); // the summary, with plan and space
  const rows = signal([]); // trials by number
  const points = signal({ trial: [], epoch: [], metrics: {} }); // columns; of the best trials and those that changed
  const steps = signal({ spent: [], best: [] }); // the incumbent each time it improved
  const connection = signal("loading"); // loading | live | reconnecting | offline
  const problem = signal("");
  const changed = signal({ revision: 0, trials: [] }); // of the last delta
  const brushed = signal(null); // Set of trial numbers that the brush lets through; null: all
  const hovered = signal(null);
  const notice = signal(""); // what a verb answered
  let revision = 0;
  let source = null;
  let known = new Set(); // "trial:epoch" of every point

  let aim = { metric: "mAP", goal: "maximize" };
  const objective = computed(() => {
    const now = study.value?.objective[0] ?? aim;
    if (now.metric !== aim.metric || now.goal !== aim.goal) aim = now; // else the same: news do not change it
    return aim;
  });

  function setPoints(columns) {
    known = new Set(columns.trial.map((trial, i) => `${trial}:${columns.epoch[i]}`));
    points.value = columns;
  }

  function merge(curves) {
    const { trial, epoch, metrics } = points.value;
    let grew = false;
    for (const curve of curves) {
      curve.epochs.forEach((at, i) => {
        const key = `${curve.trial}:${at}`;
        if (known.has(key)) return;
        known.add(key);
        grew = true;
        trial.push(curve.trial);
        epoch.push(at);
        for (const name of Object.keys(curve.metrics)) metrics[name] ??= new Array(trial.length - 1).fill(null);
        for (const name of Object.keys(metrics)) metrics[name].push(curve.metrics[name]?.[i] ?? null);
      });
    }
    if (grew) points.value = { trial, epoch, metrics };
  }

  /** The incumbent's step when the summary tells a better one. */
  function step(summary) {
    const { metric, goal } = objective.value;
    const now = summary.best?.metrics[metric];
    const { spent, best } = steps.value;
    const top = best[best.length - 1];
    if (now == null || (top !== undefined && (goal === "minimize" ? now >= top : now <= top))) return;
    steps.value = { spent: [...spent, summary.epochs_spent], best: [...best, now] };
  }

  function apply(delta) {
    batch(() => {
      step(delta.study);
      study.value = { ...study.value, ...delta.study };
      if (delta.trials.length) {
        rows.value = replaced(rows.value, delta.trials);
      }
      merge(delta.curves);
      revision = delta.revision;
      changed.value = { revision, trials: delta.trials.map((row) => row.id) };
    });
  }

  async function load() {
    try {
      const board = await fetchJson(`${base}/board`);
      learn(board.study.measures);
      batch(() => {
        study.value = board.study;
        rows.value = rowsOf(board.trials);
        steps.value = board.best;
        setPoints(board.curves);
        problem.value = "";
      });
      revision = board.study.revision;
      listen();
    } catch (error) {
      problem.value = error.message;
      connection.value = "offline";
      setTimeout(load, RETRY_MS);
    }
  }

  function listen() {
    source?.close();
    source = new EventSource(`${base}/events?after=${revision}`);
    source.addEventListener("open", () => (connection.value = "live"));
    source.addEventListener("delta", (event) => {
      const delta = JSON.parse(event.data);
      if (delta.reset) {
        source.close();
        load();
      } else {
        apply(delta);
      }
    });
    source.addEventListener("summary", (event) => (study.value = { ...study.value, ...JSON.parse(event.data) }));
    source.addEventListener("error", () => {
      // The browser reconnects by itself with Last-Event-ID, unless the server refused it.
      connection.value = navigator.onLine ? "reconnecting" : "offline";
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
    });
  }

  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && listen());
  addEventListener("offline", () => (connection.value = "offline"));
  addEventListener("online", () => {
    if (source?.readyState === EventSource.OPEN) connection.value = "live"; // the stream outlived it
    else if (source) listen();
  });

  return { id, base, study, rows, points, steps, objective, connection, problem, changed, brushed, hovered, notice, load };
}

const WORDS = { loading: "Loading", live: "Live", reconnecting: "Reconnecting …", offline: "Offline: numbers may be old" };

export function showConnection(state) {
  const place = document.getElementById("connection");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = WORDS[state] ?? state;
}
