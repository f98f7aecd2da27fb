// Embeddings on a plane: thousands of points on one canvas, a thumbnail under the pointer, colours with shapes.

import { effect } from "@preact/signals";
import { make, need } from "./dom.js";
import { dark, token, viridis } from "./palette.js";
import { fetchJson } from "./store.js";

const EDGE = 16, NEAR = 12, RADIUS = 4;
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
const FEW = 12; // more groups than this are told by their thumbnails, not by a legend

/**
 * Draws the map in `place` and follows its two choices. Returns what takes it away.
 * @param {HTMLElement} place
 * @param {DOMStringMap} source  api and mark of the inspection
 * @param {(query: number) => void} open
 */
export function embeddingMap(place, source, open) {
  const canvas = /** @type {HTMLCanvasElement} */ (place.querySelector("canvas"));
  const hover = need("map-hover");
  const method = /** @type {HTMLSelectElement} */ (need("map-method"));
  const colour = /** @type {HTMLSelectElement} */ (need("map-colour"));
  /** @type {any} */
  let points = null;
  let at = -1;
  const controller = new AbortController();
  const listening = { signal: controller.signal };

  const place_of = (/** @type {number} */ i) => {
    const side = Math.min(canvas.clientWidth, canvas.clientHeight) - 2 * EDGE;
    const left = (canvas.clientWidth - side) / 2, top = (canvas.clientHeight - side) / 2;
    return [left + points.x[i] * side, top + (1 - points.y[i]) * side];
  };

  function draw() {
    void dark.value;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    const ratio = devicePixelRatio;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    pen.scale(ratio, ratio);
    if (!points) return;
    const look = colours(points, colour.value);
    for (let i = 0; i < points.x.length; i++) {
      const [x, y] = place_of(i), [tone, shape] = look.of(i);
      pen.globalAlpha = points.query[i] == null ? 0.6 : 0.95;
      mark(pen, x, y, shape, tone, i === at ? 2 * RADIUS : RADIUS);
    }
    pen.globalAlpha = 1;
    if (at >= 0) {
      const [x, y] = place_of(at);
      pen.strokeStyle = token("ink");
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, 2 * RADIUS + 3, 0, 2 * Math.PI);
      pen.stroke();
    }
    need("map-legend").replaceChildren(...look.legend());
    const asked = points.query.filter((/** @type {unknown} */ one) => one != null).length;
    need("map-count").textContent = `${points.x.length} images, ${asked} of them queries`;
  }

  /** @param {number} i */
  function point(i) {
    if (i === at) return;
    at = i;
    hover.hidden = i < 0;
    canvas.style.cursor = i >= 0 && points.query[i] != null ? "pointer" : "crosshair";
    if (i >= 0) tell(i);
    draw();
  }

  /** @param {number} i */
  function tell(i) {
    const image = make("img", {
      src: `${source.api}/images/${points.number[i]}?size=thumb&v=${source.mark}`,
      height: 96,
      width: Math.round((96 * Number(place.dataset.width)) / Number(place.dataset.height)),
      alt: "",
    });
    const camera = points.camera[i] == null ? "" : `, camera ${points.camera[i]}`;
    const ap = points.ap[i] == null ? "" : ` AP ${(100 * points.ap[i]).toFixed(1)} %`;
    const kind = points.query[i] == null ? "gallery image" : `query ${points.query[i]}${ap}`;
    hover.replaceChildren(image, make("p", {}, `identity ${points.identity[i]}${camera}`, make("br"), kind));
    const [x, y] = place_of(i);
    hover.style.left = `${Math.min(x + 14, canvas.clientWidth - 216)}px`;
    hover.style.top = `${Math.max(4, Math.min(y + 14, canvas.clientHeight - 128))}px`;
  }

  /** @param {MouseEvent} event */
  function nearest(event) {
    if (!points) return -1;
    let best = -1, least = NEAR * NEAR;
    for (let i = 0; i < points.x.length; i++) {
      const [x, y] = place_of(i);
      const far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2;
      if (far < least) [best, least] = [i, far];
    }
    return best;
  }

  /** @param {KeyboardEvent} event */
  function walk(event) {
    if (!points) return;
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" && at >= 0 && points.query[at] != null) open(points.query[at]);
    if (!step) return;
    event.preventDefault();
    const [x, y] = at < 0 ? [canvas.clientWidth / 2, canvas.clientHeight / 2] : place_of(at);
    let best = -1, least = Infinity;
    for (let i = 0; i < points.x.length; i++) {
      if (i === at) continue;
      const [u, v] = place_of(i), along = (u - x) * step[0] + (v - y) * step[1];
      const cost = along + 3 * Math.abs((u - x) * step[1] + (v - y) * step[0]);
      if (along > 0 && cost < least) [best, least] = [i, cost];
    }
    if (best >= 0) point(best);
  }

  async function load() {
    const wanted = method.value;
    try {
      const found = await fetchJson(`${source.api}/map?method=${wanted}`);
      if (controller.signal.aborted || method.value !== wanted) return;
      points = found;
      at = -1;
      hover.hidden = true;
      draw();
    } catch (error) {
      need("map-count").textContent = error instanceof Error ? error.message : "The map cannot be loaded.";
    }
  }

  canvas.addEventListener("mousemove", (event) => point(nearest(event)), listening);
  canvas.addEventListener("mouseleave", () => point(-1), listening);
  canvas.addEventListener("click", (event) => {
    const i = nearest(event);
    if (i >= 0 && points.query[i] != null) open(points.query[i]);
    else point(i);
  }, listening);
  canvas.addEventListener("keydown", walk, listening);
  method.addEventListener("change", load, listening);
  colour.addEventListener("change", draw, listening);
  const drop = effect(draw);
  const watch = new ResizeObserver(draw);
  watch.observe(place);
  void load();
  return () => {
    controller.abort();
    drop();
    watch.disconnect();
  };
}

/**
 * How each point looks: colour and shape by identity or camera, viridis by AP.
 * @param {any} points
 * @param {string} by
 */
function colours(points, by) {
  if (by === "ap") {
    return {
      of: (/** @type {number} */ i) => [points.ap[i] == null ? token("line-strong") : viridis(points.ap[i]), points.ap[i] == null ? "cross" : "circle"],
      legend: () => [swatch(viridis(0), "circle", "AP 0 %"), swatch(viridis(0.5), "circle", "50 %"), swatch(viridis(1), "circle", "100 %"), swatch(token("line-strong"), "cross", "no query")],
    };
  }
  const groups = [...new Set(points[by])].sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
  const place = new Map(groups.map((group, i) => [group, i]));
  const look = (/** @type {number} */ i) => [viridis(groups.length < 2 ? 0.5 : i / (groups.length - 1)), SHAPES[i % SHAPES.length]];
  return {
    of: (/** @type {number} */ i) => look(place.get(points[by][i]) ?? 0),
    legend: () => groups.length > FEW ? [`${groups.length} ${by === "identity" ? "identities" : "cameras"}: each has a colour and a shape`]
      : groups.map((group, i) => swatch(look(i)[0], look(i)[1], group == null ? "unknown" : `${by} ${group}`)),
  };
}

/**
 * @param {string} tone
 * @param {string} shape
 * @param {string} text
 */
function swatch(tone, shape, text) {
  const canvas = make("canvas", { width: 12, height: 12 });
  const pen = canvas.getContext("2d");
  if (pen) mark(pen, 6, 6, shape, tone, RADIUS);
  return make("span", {}, canvas, text);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {string} shape
 * @param {string} tone
 * @param {number} r
 */
function mark(pen, x, y, shape, tone, r) {
  pen.fillStyle = pen.strokeStyle = tone;
  pen.lineWidth = 2;
  pen.beginPath();
  if (shape === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
  else if (shape === "triangle") pen.moveTo(x, y - r), pen.lineTo(x + r, y + r), pen.lineTo(x - r, y + r);
  else if (shape === "diamond") pen.moveTo(x, y - r), pen.lineTo(x + r, y), pen.lineTo(x, y + r), pen.lineTo(x - r, y);
  else if (shape === "cross") {
    pen.moveTo(x - r, y - r), pen.lineTo(x + r, y + r), pen.moveTo(x + r, y - r), pen.lineTo(x - r, y + r);
    pen.stroke();
    return;
  } else pen.arc(x, y, r, 0, 2 * Math.PI);
  pen.fill();
}
