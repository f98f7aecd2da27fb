// Parallel coordinates on a canvas of our own: 10,000 lines, brushing on any axis, hover. Two layers, so that
// moving the pointer draws one line and not all of them.

import { effect } from "@preact/signals";
import { afterPaint } from "./dom.js";
import { dark, scoreScale, token, viridis } from "./palette.js";
import { inAddress } from "./address.js";
import { metric, metricLabel, shortKey, value } from "./format.js";

const TOP = 50, BOTTOM = 28, SIDE = 56, HEIGHT = 200, LEAST = 84, GRIP = 18, TONES = 48, A_FRAME = 1500;
const LIGHT = 300, REST_MS = 140; // lines drawn while a brush moves; when all are, after it stands still
const TELL_MS = 100; // how often the table hears of a brush that moves

/** `KEY:low~high;KEY:low~high`, as the address holds them. */
const printed = (brushes) => [...brushes].map(([key, ends]) => `${key}:${ends.map((end) => end.toFixed(3)).join("~")}`).join(";");
function parsed(text) {
  const found = new Map();
  for (const part of text.split(";")) {
    const match = /^(.*):(-?[\d.]+)~(-?[\d.]+)$/.exec(part);
    if (match) found.set(match[1], [Number(match[2]), Number(match[3])]);
  }
  return found;
}

/** An axis: where a value lies on it in [0, 1] (null: not set), and its tick labels. */
function parameterAxis(key, parameter) {
  if (parameter.type === "choice") {
    const names = parameter.values.map((item) => JSON.stringify(item));
    const place = (item) => {
      const at = names.indexOf(JSON.stringify(item));
      return at < 0 ? null : names.length < 2 ? 0.5 : at / (names.length - 1);
    };
    return { key, label: shortKey(key), place, ticks: parameter.values.map((item) => [place(item), value(item)]) };
  }
  const { low, high, log } = parameter;
  const warp = log && low > 0 ? Math.log : (x) => x;
  const span = warp(high) - warp(low) || 1;
  const place = (x) => (typeof x === "number" ? (warp(x) - warp(low)) / span : null);
  return { key, label: shortKey(key) + (log ? " (log)" : ""), place, ticks: [[0, value(low)], [1, value(high)]] };
}

function objectiveAxis(name, scale, minimize) {
  const span = scale.high - scale.low || 1;
  const place = (score) => (score == null ? null : minimize ? (scale.high - score) / span : (score - scale.low) / span);
  const ends = minimize ? [scale.high, scale.low] : [scale.low, scale.high];
  const ticks = Number.isFinite(scale.low) ? [[0, metric(ends[0], name)], [1, metric(ends[1], name)]] : [];
  return { key: name, objective: true, label: metricLabel(name), place, ticks };
}

export function coordinates(place, store) {
  const box = Object.assign(document.createElement("div"), { className: "coords", tabIndex: 0, role: "region", ariaLabel: "Parallel coordinates" });
  const base = document.createElement("canvas");
  const top = Object.assign(document.createElement("canvas"), { className: "top" });
  top.setAttribute("role", "img");
  top.setAttribute("aria-label", "Parallel coordinates of every trial; the trials table holds the same values");
  const foot = Object.assign(document.createElement("p"), { className: "caption" });
  const kept = inAddress("brush");
  let brushes = parsed(kept.peek()); // axis key -> [low, high] in [0, 1]
  const shot = document.createElement("canvas"); // what stood there when the brush began to move
  let waiting = 0, resting = 0, toldAt = 0;
  let axes = [], lines = [], scale = null, width = 0, dragging = null, name = "mAP", drawing = 0;

  const xOf = (i) => SIDE + (i * (width - 2 * SIDE)) / Math.max(1, axes.length - 1);
  const yOf = (t) => (t === null ? HEIGHT - 14 : HEIGHT - BOTTOM - t * (HEIGHT - TOP - BOTTOM));

  const fullWidth = () => Math.max(place.clientWidth, axes.length * LEAST + 2 * (SIDE - LEAST / 2));

  function layout() {
    width = fullWidth();
    for (const canvas of [base, top]) {
      const ratio = devicePixelRatio || 1;
      canvas.width = width * ratio;
      canvas.height = HEIGHT * ratio;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${HEIGHT}px`;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
  }

  const passes = (line) => line.on;
  /** Note which lines the brushes let through. */
  function judge() {
    const wanted = [...brushes].map(([key, ends]) => [axes.findIndex((axis) => axis.key === key), ...ends]).filter(([at]) => at >= 0);
    for (const line of lines) {
      line.on = true;
      for (const [axis, low, high] of wanted) {
        const at = line.at[axis];
        if (at === null || at < low || at > high) {
          line.on = false;
          break;
        }
      }
    }
  }

  function trace(pen, line) {
    line.at.forEach((t, i) => (i ? pen.lineTo(xOf(i), yOf(t)) : pen.moveTo(xOf(i), yOf(t))));
  }

  /** Lines by tone, the best last and so on top, in batches of at most `most`. */
  function batches(most) {
    const groups = new Map();
    for (const line of lines) {
      const tone = !passes(line) ? -2 : line.score == null ? -1 : Math.round(scale(line.score) * TONES);
      if (!groups.has(tone)) groups.set(tone, []);
      groups.get(tone).push(line);
    }
    const found = [[]];
    let room = most;
    for (const tone of [...groups.keys()].sort((a, b) => a - b)) {
      const group = groups.get(tone);
      for (let from = 0; from < group.length; ) {
        if (!room) {
          found.push([]);
          room = most;
        }
        const part = group.slice(from, from + room);
        found[found.length - 1].push([tone, part]);
        from += part.length;
        room -= part.length;
      }
    }
    return found;
  }

  function drawBatch(pen, batch) {
    pen.lineWidth = lines.length > 400 ? 1 : 1.6;
    for (const [tone, group] of batch) {
      pen.strokeStyle = tone < 0 ? token("line") : viridis(tone / TONES);
      pen.globalAlpha = tone === -2 ? 0.5 : lines.length > 2000 ? 0.55 : 0.9;
      pen.beginPath();
      for (const line of group) trace(pen, line);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  function drawAxes(pen) {
    pen.font = "12px system-ui, sans-serif";
    axes.forEach((axis, i) => {
      const x = xOf(i);
      pen.strokeStyle = token("line-strong");
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x, yOf(1));
      pen.lineTo(x, yOf(0));
      pen.stroke();
      pen.textAlign = "center";
      pen.fillStyle = token("ink");
      pen.fillText(fitted(pen, axis.label, 2 * (xOf(1) - xOf(0)) - 12 || width), x, i % 2 ? 32 : 14, width);
      pen.fillStyle = token("quiet");
      for (const [t, text] of axis.ticks.slice(0, 12)) label(pen, text, x, yOf(t), t);
      if (lines.some((line) => line.at[i] === null)) pen.fillText("not set", x, HEIGHT - 2);
      const brush = brushes.get(axis.key);
      if (brush) {
        pen.fillStyle = token("accent");
        pen.globalAlpha = 0.35;
        pen.fillRect(x - 7, yOf(brush[1]), 14, Math.max(2, yOf(brush[0]) - yOf(brush[1])));
        pen.globalAlpha = 1;
      }
    });
  }

  /** A tick's text on a patch of the surface, so that lines do not run through it. */
  function label(pen, text, x, y, t) {
    const shown = fitted(pen, text, LEAST - 4);
    const half = pen.measureText(shown).width / 2 + 2;
    const line = t === 0 ? y + 14 : t === 1 ? y - 3 : y + 4;
    pen.fillStyle = token("surface");
    pen.globalAlpha = 0.8;
    pen.fillRect(x - half, line - 11, 2 * half, 14);
    pen.globalAlpha = 1;
    pen.fillStyle = token("quiet");
    pen.fillText(shown, x, line);
  }

  function fitted(pen, text, room) {
    let shown = text;
    while (shown.length > 4 && pen.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
    return shown;
  }

  function draw() {
    drawing += 1;
    const pen = base.getContext("2d");
    pen.clearRect(0, 0, width, HEIGHT);
    for (const batch of batches(Infinity)) drawBatch(pen, batch);
    drawAxes(pen);
    drawHover();
  }

  /** Draws a batch of lines a frame, so that 10,000 of them do not hold the page up; another drawing ends it. */
  async function drawByFrames() {
    const mine = ++drawing;
    const pen = base.getContext("2d");
    pen.clearRect(0, 0, width, HEIGHT);
    drawAxes(pen);
    for (const batch of batches(A_FRAME)) {
      drawBatch(pen, batch);
      await new Promise(requestAnimationFrame);
      if (mine !== drawing) return;
    }
    drawAxes(pen);
    drawHover();
  }

  const drawWell = () => void (lines.length > A_FRAME ? drawByFrames() : draw());

  /** While a brush moves: what stood there before, faded, and an even choice of the lines that pass. */
  function drawLight() {
    drawing += 1;
    const pen = base.getContext("2d");
    pen.clearRect(0, 0, width, HEIGHT);
    pen.globalAlpha = 0.15;
    pen.drawImage(shot, 0, 0, width, HEIGHT);
    pen.globalAlpha = 1;
    const through = lines.filter(passes);
    const step = Math.max(1, Math.ceil(through.length / LIGHT));
    const groups = new Map();
    for (let i = 0; i < through.length; i += step) {
      const tone = through[i].score == null ? -1 : Math.round(scale(through[i].score) * TONES);
      if (!groups.has(tone)) groups.set(tone, []);
      groups.get(tone).push(through[i]);
    }
    drawBatch(pen, [...groups].sort(([a], [b]) => a - b));
    drawAxes(pen);
    tell("");
  }

  function drawHover() {
    const pen = top.getContext("2d");
    pen.clearRect(0, 0, width, HEIGHT);
    const line = lines.find((each) => each.id === store.hovered.value);
    if (!line) return tell("");
    /** @type {Array<[string, number]>} */
    const strokes = [[token("surface"), 6], [line.score == null ? token("quiet") : viridis(scale(line.score)), 3]];
    for (const [tone, size] of strokes) {
      pen.strokeStyle = tone;
      pen.lineWidth = size;
      pen.lineJoin = "round";
      pen.beginPath();
      trace(pen, line);
      pen.stroke();
    }
    tell(`Trial ${line.id}: ${metricLabel(name)} ${metric(line.score, name)}`);
  }

  function tell(text) {
    const count = lines.filter(passes).length;
    const picked = brushes.size ? `${count} of ${lines.length} trials pass the brush. Esc or a click on the axis clears it.` : "";
    foot.textContent = text || picked;
  }

  function tellTable() {
    store.brushed.value = brushes.size ? new Set(lines.filter(passes).map((line) => line.id)) : null;
  }

  /** The brushes changed: at most one drawing a frame while they move, all lines once they stand still. */
  function publish(moving = false) {
    clearTimeout(resting);
    if (moving) resting = setTimeout(() => publish(), REST_MS);
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      judge();
      const light = moving && dragging && lines.length > LIGHT;
      if (!light || performance.now() - toldAt > TELL_MS) {
        toldAt = performance.now();
        tellTable();
      }
      if (light) return drawLight();
      kept.value = printed(brushes);
      drawWell();
    });
  }

  function nearest(x, y) {
    const step = (width - 2 * SIDE) / Math.max(1, axes.length - 1);
    const i = Math.min(axes.length - 2, Math.max(0, Math.floor((x - SIDE) / step)));
    const f = Math.min(1, Math.max(0, (x - xOf(i)) / step));
    let best = null, gap = 10;
    for (const line of lines) {
      const from = yOf(line.at[i]), to = yOf(line.at[i + 1] ?? null);
      const distance = Math.abs(from + (to - from) * f - y);
      if (distance < gap && passes(line)) [best, gap] = [line.id, distance];
    }
    return best;
  }

  const grip = (x) => axes.findIndex((_, i) => Math.abs(xOf(i) - x) < GRIP);
  const level = (y) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)));

  top.addEventListener("pointerdown", (event) => {
    const at = grip(event.offsetX);
    if (at < 0) return;
    dragging = { key: axes[at].key, from: level(event.offsetY), moved: false };
    shot.width = base.width;
    shot.height = base.height;
    shot.getContext("2d").drawImage(base, 0, 0);
    top.setPointerCapture(event.pointerId);
  });
  top.addEventListener("pointermove", (event) => {
    if (dragging) {
      const to = level(event.offsetY);
      if (Math.abs(to - dragging.from) < 0.015 && !dragging.moved) return;
      dragging.moved = true;
      brushes.set(dragging.key, [Math.min(dragging.from, to) - 0.004, Math.max(dragging.from, to) + 0.004]);
      publish(true);
    } else {
      store.hovered.value = nearest(event.offsetX, event.offsetY);
    }
  });
  top.addEventListener("pointerup", () => {
    const changed = dragging && (dragging.moved || brushes.delete(dragging.key));
    dragging = null;
    if (changed) publish();
  });
  top.addEventListener("pointercancel", () => (dragging = null));
  top.addEventListener("pointerleave", () => (store.hovered.value = null));

  function clear() {
    if (!brushes.size) return;
    brushes.clear();
    publish();
  }
  effect(() => {
    if (kept.value === printed(brushes)) return; // ours; else it came from the history
    brushes = parsed(kept.value);
    if (lines.length) publish();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && clear());

  box.append(base, top);

  /** The lines of the study as it is now. Those of a running one follow after what is small and new has been painted. */
  function build() {
    const study = store.study.peek(), rows = store.rows.peek();
    if (!study || !rows.length) return;
    if (!box.isConnected) place.replaceChildren(box, foot);
    const minimize = store.objective.peek().goal === "minimize";
    name = store.objective.peek().metric;
    scale = scoreScale(rows.map((row) => row.score), minimize);
    axes = Object.entries(study.space_model.parameters).map(([key, parameter]) => parameterAxis(key, parameter));
    axes.push(objectiveAxis(name, scale, minimize));
    const first = !lines.length; // later ones are drawn at once: a canvas that fills up each time would flicker
    lines = rows.map((row) => ({
      id: row.id,
      score: row.score,
      at: axes.map((axis) => axis.place(axis.objective ? row.score : row.values[axis.key])),
      on: true,
    }));
    judge();
    tellTable();
    layout();
    if (first) drawWell();
    else draw();
  }
  const again = afterPaint(build);

  effect(() => {
    const study = store.study.value, rows = store.rows.value;
    void dark.value;
    if (!study) return;
    if (!rows.length) {
      place.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: "No trial yet." }));
      return;
    }
    if (lines.length) again();
    else build();
  });
  effect(() => {
    void store.hovered.value;
    if (box.isConnected && axes.length) drawHover();
  });
  new ResizeObserver(() => {
    if (!box.isConnected || !axes.length || width === fullWidth()) return;
    layout();
    drawWell();
  }).observe(place);
  return { clear };
}
