// How the parallel coordinates look: where they lie on the canvas, and the strokes of lines, axes and brushes.

import { TONES } from "./coords_lines.js";
import { token, viridis } from "./palette.js";

export const HEIGHT = 200, SIDE = 56, LEAST = 84;
const TOP = 50, BOTTOM = 28;

export const yOf = (t) => (Number.isNaN(t) ? HEIGHT - 14 : HEIGHT - BOTTOM - t * (HEIGHT - TOP - BOTTOM));
export const levelOf = (y) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)));
export const xOf = (i, axes, width) => SIDE + (i * (width - 2 * SIDE)) / Math.max(1, axes - 1);

/** A canvas of this width in the device's points. */
export function sized(canvas, width) {
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = HEIGHT * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${HEIGHT}px`;
  canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
}

export function trace(pen, lines, i, width) {
  for (let a = 0, k = i * lines.width; a < lines.width; a++, k++) {
    const x = xOf(a, lines.width, width), y = yOf(lines.at[k]);
    if (a) pen.lineTo(x, y);
    else pen.moveTo(x, y);
  }
}

/** Strokes [tone, lines]: one path a tone. */
export function drawGroups(pen, lines, groups, width) {
  pen.lineWidth = lines.count > 400 ? 1 : 1.6;
  for (const [tone, group] of groups) {
    pen.strokeStyle = tone < 0 ? token("line") : viridis(tone / TONES);
    pen.globalAlpha = tone === -2 ? 0.5 : lines.count > 2000 ? 0.55 : 0.9;
    pen.beginPath();
    for (const i of group) trace(pen, lines, i, width);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

export function drawAxes(pen, axes, lines, brushes, width) {
  pen.font = "12px system-ui, sans-serif";
  const step = xOf(1, axes.length, width) - xOf(0, axes.length, width);
  axes.forEach((axis, i) => {
    const x = xOf(i, axes.length, width);
    pen.strokeStyle = token("line-strong");
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, yOf(1));
    pen.lineTo(x, yOf(0));
    pen.stroke();
    pen.textAlign = "center";
    pen.fillStyle = token("ink");
    pen.fillText(fitted(pen, axis.label, 2 * step - 12 || width), x, i % 2 ? 32 : 14, width);
    pen.fillStyle = token("quiet");
    for (const [t, text] of axis.ticks.slice(0, 12)) label(pen, text, x, yOf(t), t);
    if (lines.gaps[i]) pen.fillText("not set", x, HEIGHT - 2);
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
  const half = widthOf(pen, shown) / 2 + 2;
  const line = t === 0 ? y + 14 : t === 1 ? y - 3 : y + 4;
  pen.fillStyle = token("surface");
  pen.globalAlpha = 0.8;
  pen.fillRect(x - half, line - 11, 2 * half, 14);
  pen.globalAlpha = 1;
  pen.fillStyle = token("quiet");
  pen.fillText(shown, x, line);
}

const widths = new Map(); // of texts: the axes are drawn again with every step of a brush

function widthOf(pen, text) {
  const known = widths.get(text);
  if (known !== undefined) return known;
  const found = pen.measureText(text).width;
  widths.set(text, found);
  return found;
}

function fitted(pen, text, room) {
  let shown = text;
  while (shown.length > 4 && widthOf(pen, shown) > room) shown = `${shown.slice(0, -2)}…`;
  return shown;
}
