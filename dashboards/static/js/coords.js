// Parallel coordinates on a canvas of our own: 10,000 lines, brushing on any axis, hover. Two layers, so that
// moving the pointer draws one line and not all of them; all of them are drawn a part a frame.

import { effect } from "@preact/signals";
import { inAddress } from "./address.js";
import { axesOf, parsed, printed } from "./coords_axes.js";
import { cut, linesOf, TONES } from "./coords_lines.js";
import { drawAxes, drawGroups, HEIGHT, LEAST, levelOf, SIDE, sized, trace, xOf, yOf } from "./coords_paint.js";
import { afterPaint } from "./dom.js";
import { metric, metricLabel } from "./format.js";
import { dark, scoreScale, token, viridis } from "./palette.js";

const GRIP = 18, A_FRAME = 400, LIGHT = 200; // points around an axis; lines a frame; lines while a brush moves
const REST_MS = 140, CALM_MS = 2000; // after the last move of a brush, after news: then all lines are drawn

export function coordinates(place, store) {
  const box = Object.assign(document.createElement("div"), { className: "coords", tabIndex: 0, role: "region", ariaLabel: "Parallel coordinates" });
  const base = document.createElement("canvas");
  const top = Object.assign(document.createElement("canvas"), { className: "top" });
  top.setAttribute("role", "img");
  top.setAttribute("aria-label", "Parallel coordinates of every trial; the trials table holds the same values");
  const foot = Object.assign(document.createElement("p"), { className: "caption" });
  const shot = document.createElement("canvas"); // what stood there when the brush began to move
  const back = document.createElement("canvas"), probe = document.createElement("canvas");
  const kept = inAddress("brush");
  let brushes = parsed(kept.peek()); // axis key -> [low, high] in [0, 1]
  let axes = [], lines = linesOf([], [], null), rows = [], scale = null, made = "", through = 0;
  let width = 0, dragging = null, drawing = 0, waiting = 0, resting, calming;

  const fullWidth = () => Math.max(place.clientWidth, axes.length * LEAST + 2 * (SIDE - LEAST / 2));
  const pen = () => base.getContext("2d");

  function layout() {
    width = fullWidth();
    for (const canvas of [base, top, back]) sized(canvas, width);
  }

  /** All lines, a part a frame and out of sight, so that 10,000 do not hold the page up; another drawing ends it. */
  async function draw() {
    const mine = ++drawing;
    clearTimeout(calming);
    calming = undefined;
    const parts = cut(lines.byTone(), A_FRAME);
    const own = back.getContext("2d");
    own.clearRect(0, 0, width, HEIGHT);
    for (const part of parts) {
      drawGroups(own, lines, part, width);
      if (parts.length === 1) break;
      probe.getContext("2d").drawImage(back, 0, 0, 1, 1); // or the browser puts all strokes off to the last part
      await new Promise(requestAnimationFrame);
      if (mine !== drawing) return;
    }
    drawAxes(own, axes, lines, brushes, width);
    show(back);
    drawHover();
  }

  function show(canvas, alpha = 1) {
    pen().clearRect(0, 0, width, HEIGHT);
    pen().globalAlpha = alpha;
    pen().drawImage(canvas, 0, 0, width, HEIGHT);
    pen().globalAlpha = 1;
  }

  /** While a brush moves: what stood there before, faded, and an even choice of the lines that pass. */
  function drawLight() {
    drawing += 1;
    show(shot, 0.15);
    const groups = lines.byTone({ through: true, step: Math.max(1, Math.ceil(through / LIGHT)) });
    drawGroups(pen(), lines, groups, width);
    drawAxes(pen(), axes, lines, brushes, width);
    tell("");
  }

  function drawHover() {
    const over = top.getContext("2d"), i = lines.where.get(store.hovered.peek());
    over.clearRect(0, 0, width, HEIGHT);
    if (i === undefined) return tell("");
    /** @type {Array<[string, number]>} */
    const strokes = [[token("surface"), 6], [lines.tones[i] < 0 ? token("quiet") : viridis(lines.tones[i] / TONES), 3]];
    for (const [tone, size] of strokes) {
      over.strokeStyle = tone;
      over.lineWidth = size;
      over.lineJoin = "round";
      over.beginPath();
      trace(over, lines, i, width);
      over.stroke();
    }
    const { metric: name } = store.objective.peek();
    tell(`Trial ${rows[i].id}: ${metricLabel(name)} ${metric(rows[i].score, name)}`);
  }

  function tell(text) {
    const picked = brushes.size ? `${through} of ${lines.count} trials pass the brush. Esc or a click on the axis clears it.` : "";
    foot.textContent = text || picked;
  }

  function judge() {
    through = lines.judge(brushes);
  }
  const tellTable = () => (store.brushed.value = brushes.size ? lines.passing() : null);

  /** The brushes changed: at most one drawing a frame while they move; all lines and the table once they rest. */
  function publish(moving = false) {
    clearTimeout(resting);
    if (moving) resting = setTimeout(() => publish(), REST_MS);
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      judge();
      if (moving && dragging && lines.count > LIGHT) return drawLight();
      tellTable();
      kept.value = printed(brushes);
      draw();
    });
  }

  function nearest(x, y) {
    const step = (width - 2 * SIDE) / Math.max(1, axes.length - 1);
    const a = Math.min(axes.length - 2, Math.max(0, Math.floor((x - SIDE) / step)));
    const f = Math.min(1, Math.max(0, (x - xOf(a, axes.length, width)) / step));
    let best = null, gap = 10;
    for (let i = 0, k = a; i < lines.count; i++, k += lines.width) {
      if (!lines.on[i]) continue;
      const from = yOf(lines.at[k]);
      const distance = Math.abs(from + (yOf(lines.at[k + 1] ?? NaN) - from) * f - y);
      if (distance < gap) [best, gap] = [rows[i].id, distance];
    }
    return best;
  }

  const grip = (x) => axes.findIndex((_, i) => Math.abs(xOf(i, axes.length, width) - x) < GRIP);

  top.addEventListener("pointerdown", (event) => {
    const at = grip(event.offsetX);
    if (at < 0) return;
    dragging = { key: axes[at].key, from: levelOf(event.offsetY), moved: false };
    shot.width = base.width;
    shot.height = base.height;
    shot.getContext("2d").drawImage(base, 0, 0);
    top.setPointerCapture(event.pointerId);
  });
  top.addEventListener("pointermove", (event) => {
    if (dragging) {
      const to = levelOf(event.offsetY);
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
    if (lines.count) publish();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && clear());

  box.append(base, top);

  /** The lines of the study as it is now; when only some trials have news, only their lines are made and drawn. */
  function build() {
    const study = store.study.peek(), now = store.rows.peek(), objective = store.objective.peek();
    if (!study || !now.length) return;
    if (!box.isConnected) place.replaceChildren(box, foot);
    scale = scoreScale(now.map((row) => row.score), objective.goal === "minimize");
    const form = `${now.length}|${objective.metric}|${scale.low}|${scale.high}|${dark.peek()}|${Object.keys(study.space_model.parameters).join()}`;
    if (form === made) return freshen(now);
    made = form;
    rows = now;
    axes = axesOf(study, objective, scale);
    lines = linesOf(rows, axes, scale);
    judge();
    tellTable();
    if (width !== fullWidth()) layout();
    draw();
  }

  function freshen(now) {
    const fresh = [];
    now.forEach((row, i) => {
      if (row === rows[i]) return;
      lines.set(i, row);
      fresh.push([lines.tones[i], [i]]);
    });
    rows = now;
    if (!fresh.length) return;
    if (brushes.size) {
      judge();
      tellTable();
    }
    if (!dragging) drawGroups(pen(), lines, fresh.filter(([, [i]]) => lines.on[i]), width);
    calming ??= setTimeout(draw, CALM_MS); // what these lines were before still stands there
  }
  const again = afterPaint(build);

  effect(() => {
    const study = store.study.value, all = store.rows.value;
    void dark.value;
    if (!study) return;
    if (!all.length) {
      place.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: "No trial yet." }));
      return;
    }
    if (lines.count) again();
    else build();
  });
  effect(() => {
    void store.hovered.value;
    if (box.isConnected && axes.length) drawHover();
  });
  new ResizeObserver(() => {
    if (!box.isConnected || !axes.length || width === fullWidth()) return;
    layout();
    draw();
  }).observe(place);
  return { clear };
}
