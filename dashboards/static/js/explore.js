// Any two parameters or metrics against each other: every trial a dot, or, as a contour, what lies between the dots.

import { computed, effect } from "@preact/signals";
import { html } from "htm/preact";
import { render } from "preact";
import { inAddress } from "./address.js";
import { calmed } from "./calm.js";
import { metric, value } from "./format.js";
import { dark, scoreScale, token, viridis } from "./palette.js";
import { cellOf } from "./trial_rows.js";

const HEIGHT = 260, LEFT = 56, RIGHT = 12, TOP = 10, BOTTOM = 30, GRID = 40, NEAR = 12, TURN = 2399963, TONES = 48;

/** Where a field's values lie on an axis in [0, 1], and its ticks. */
function axisOf(name, rows, study) {
  const parameter = study.space_model.parameters[name];
  if (parameter?.type === "choice" || rows.some((row) => typeof cellOf(row, name) === "string")) {
    const names = [...new Set((parameter?.values ?? rows.map((row) => cellOf(row, name))).map((item) => JSON.stringify(item)))];
    const place = (cell) => {
      const at = names.indexOf(JSON.stringify(cell));
      return at < 0 ? null : (at + 0.5) / names.length;
    };
    return { place, choice: names.length, ticks: names.slice(0, 12).map((text) => [place(JSON.parse(text)), value(JSON.parse(text))]) };
  }
  const cells = rows.map((row) => cellOf(row, name)).filter((cell) => typeof cell === "number" && Number.isFinite(cell));
  if (typeof cellOf(rows[0], name) === "boolean") return { place: (cell) => (typeof cell === "boolean" ? 0.25 + 0.5 * Number(cell) : null), choice: 2, ticks: [[0.25, "false"], [0.75, "true"]] };
  const low = cells.reduce((a, b) => Math.min(a, b), Infinity), high = cells.reduce((a, b) => Math.max(a, b), -Infinity);
  const log = Boolean(parameter?.log) && low > 0;
  const warp = log ? Math.log : (x) => x;
  const span = warp(high) - warp(low) || 1;
  const back = (t) => (log ? Math.exp(Math.log(low) + t * span) : low + t * span);
  const place = (cell) => (typeof cell === "number" && Number.isFinite(cell) ? 0.03 + 0.94 * ((warp(cell) - warp(low)) / span) : null);
  const told = study.space_model.parameters[name] ? (x) => value(Number(x.toPrecision(2))) : (x) => metric(x, name);
  return { place, choice: 0, log, ticks: cells.length ? [0, 0.25, 0.5, 0.75, 1].map((t) => [0.03 + 0.94 * t, told(back(t))]) : [] };
}

/** Draws it once it is about to come into sight. */
export function explore(place, store, rows, passing) {
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    show(place, store, rows, passing);
  }, { rootMargin: "200px" });
  watch.observe(place);
}

function show(place, store, rows, passing) {
  const kind = inAddress("plot", "scatter"), across = inAddress("x"), up = inAddress("y"), tone = inAddress("color");
  const canvas = document.createElement("canvas"), tools = document.createElement("div"), foot = document.createElement("p");
  tools.className = "tools axes";
  foot.className = "caption";
  canvas.setAttribute("role", "img");
  const names = computed(() => rows.choices.value.filter((name) => !["changed", "reason", "failure", "pinned"].includes(name)));
  const pick = computed(() => {
    const known = (name, usual) => (names.value.includes(name) ? name : usual);
    const { metric: aim } = store.objective.value;
    const [first, second] = Object.keys(store.study.value.space_model.parameters);
    const usualUp = kind.value === "contour" ? second ?? aim : aim;
    return { x: known(across.value, first ?? "epoch"), y: known(up.value, usualUp), color: known(tone.value, aim) };
  });
  const calm = calmed(store.rows);
  let dots = [], width = 0;

  function Select({ label, held, now }) {
    return html`<label>${label} <select aria-label=${label} value=${now} onChange=${(event) => (held.value = event.target.value)}>${names.value.map((name) => html`<option key=${name} value=${name}>${rows.titles.value[name]}</option>`)}</select></label>`;
  }
  function Tools() {
    const { x, y, color } = pick.value;
    return html`<select aria-label="Kind of plot" value=${kind.value} onChange=${(event) => (kind.value = event.target.value)}><option value="scatter">Scatter</option><option value="contour">Contour</option></select>
      <${Select} label="x" held=${across} now=${x} /><${Select} label="y" held=${up} now=${y} /><${Select} label="colour" held=${tone} now=${color} />`;
  }

  const toX = (t) => LEFT + t * (width - LEFT - RIGHT), toY = (t) => HEIGHT - BOTTOM - t * (HEIGHT - TOP - BOTTOM);

  /** Weighted means of the dots around each point of a grid (a Gaussian kernel); nothing where no dot is near. */
  function field(pen, scale) {
    const w = (width - LEFT - RIGHT) / GRID, h = (HEIGHT - TOP - BOTTOM) / GRID;
    const reach = Math.max(0.05, Math.min(0.25, 0.5 / Math.sqrt(dots.length || 1)));
    const some = dots.length > 1500 ? dots.filter((_, i) => i % Math.ceil(dots.length / 1500) === 0) : dots;
    for (let i = 0; i < GRID; i++) {
      for (let j = 0; j < GRID; j++) {
        const x = (i + 0.5) / GRID, y = (j + 0.5) / GRID;
        let sum = 0, weights = 0;
        for (const dot of some) {
          if (dot.c === null) continue;
          const far = ((dot.x - x) ** 2 + (dot.y - y) ** 2) / (reach * reach);
          if (far > 9) continue;
          const weight = Math.exp(-far / 2);
          sum += weight * dot.c;
          weights += weight;
        }
        if (weights < 0.05) continue;
        pen.fillStyle = viridis(Math.round(scale(sum / weights) * 10) / 10);
        const left = Math.round(LEFT + i * w), above = Math.round(toY(y) - h / 2);
        pen.fillRect(left, above, Math.round(LEFT + (i + 1) * w) - left, Math.round(toY(y) + h / 2) - above);
      }
    }
  }

  function axes(pen, xs, ys) {
    pen.font = "12px system-ui, sans-serif";
    pen.strokeStyle = token("chart-grid");
    pen.fillStyle = token("quiet");
    pen.lineWidth = 1;
    pen.textAlign = "right";
    for (const [t, text] of ys.ticks) {
      pen.beginPath();
      pen.moveTo(LEFT, toY(t));
      pen.lineTo(width - RIGHT, toY(t));
      pen.stroke();
      pen.fillText(text.length > 8 ? `${text.slice(0, 7)}…` : text, LEFT - 6, toY(t) + 4);
    }
    const room = Math.max(3, Math.floor((width - LEFT) / Math.max(1, xs.ticks.length) / 7));
    xs.ticks.forEach(([t, text], i) => {
      pen.textAlign = !xs.choice && i === xs.ticks.length - 1 ? "right" : "center";
      pen.fillText(text.length > room ? `${text.slice(0, room - 1)}…` : text, toX(t), HEIGHT - 12);
    });
  }

  /** A fixed shift of each trial, so that those with one choice do not hide each other. */
  const shift = (id, choice) => (choice ? (((id * TURN) % 1000) / 1000 - 0.5) * (0.6 / choice) : 0);

  function draw() {
    const study = store.study.peek(), all = calm.value;
    void dark.value;
    if (!study || !all.length) return;
    width = Math.max(260, place.clientWidth);
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${HEIGHT}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    const { x, y, color } = pick.value;
    const xs = axisOf(x, all, study), ys = axisOf(y, all, study), cs = axisOf(color, all, study);
    const among = passing.value;
    dots = [];
    for (const row of all) {
      if (among && !among.has(row.id)) continue;
      const at = xs.place(cellOf(row, x)), to = ys.place(cellOf(row, y));
      if (at === null || to === null) continue;
      dots.push({ row, x: at + shift(row.id, xs.choice), y: to + shift(row.id + 7, ys.choice), c: cs.place(cellOf(row, color)) });
    }
    const minimize = store.objective.value.goal === "minimize" && color === store.objective.value.metric;
    const scale = scoreScale(dots.map((dot) => dot.c), minimize);
    axes(pen, xs, ys);
    if (kind.value === "contour") field(pen, scale);
    drawDots(pen, scale);
    canvas.setAttribute("aria-label", `${rows.titles.value[y]} against ${rows.titles.value[x]} of ${dots.length} trials, coloured by ${rows.titles.value[color]}; the trials table holds the same values`);
    foot.textContent = `${rows.titles.value[y]} against ${rows.titles.value[x]}${xs.log ? " (log)" : ""}, coloured by ${rows.titles.value[color]}; ${dots.length} trials`;
  }

  /** Dots of one colour together, the best on top: 10,000 of them are not 10,000 fills. */
  function drawDots(pen, scale) {
    const contour = kind.value === "contour", size = dots.length > 2000 ? 1.5 : dots.length > 200 ? 2.5 : 4.5;
    const tones = new Map();
    for (const dot of dots) {
      const shade = dot.c === null ? -1 : contour ? 0 : Math.round(scale(dot.c) * TONES);
      if (!tones.has(shade)) tones.set(shade, []);
      tones.get(shade).push(dot);
    }
    pen.strokeStyle = token(contour ? "ink" : "surface");
    pen.lineWidth = 1;
    for (const [shade, group] of [...tones].sort(([a], [b]) => a - b)) {
      pen.fillStyle = shade < 0 ? token("line-strong") : contour ? token("surface") : viridis(shade / TONES);
      pen.beginPath();
      for (const dot of group) {
        const x = toX(dot.x), y = toY(dot.y);
        if (size < 2) pen.rect(x - size, y - size, 2 * size, 2 * size);
        else {
          pen.moveTo(x + size, y);
          pen.arc(x, y, size, 0, 7);
        }
      }
      pen.fill();
      if ((contour && dots.length < 500) || size > 4) pen.stroke();
    }
  }

  function nearest(event) {
    let best = null, gap = NEAR * NEAR;
    for (const dot of dots) {
      const far = (toX(dot.x) - event.offsetX) ** 2 + (toY(dot.y) - event.offsetY) ** 2;
      if (far < gap) [best, gap] = [dot.row, far];
    }
    return best;
  }
  canvas.addEventListener("pointermove", (event) => {
    const row = nearest(event);
    store.hovered.value = row?.id ?? null;
    canvas.style.cursor = row ? "pointer" : "";
    const { x, y, color } = pick.peek();
    if (row) foot.textContent = `Trial ${row.id}: ${[...new Set([x, y, color])].map((name) => `${rows.titles.peek()[name]} ${rows.shownCell(row, name)}`).join(", ")}`;
  });
  canvas.addEventListener("pointerleave", () => (store.hovered.value = null));
  canvas.addEventListener("click", (event) => {
    const row = nearest(event);
    if (row) location.href = `/studies/${store.id}/trials/${row.id}`;
  });
  place.replaceChildren(tools, canvas, foot);
  render(html`<${Tools} />`, tools);
  effect(draw);
  new ResizeObserver(() => width !== Math.max(260, place.clientWidth) && draw()).observe(place);
}
