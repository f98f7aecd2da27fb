// uPlot with our colours, widths and axes; drawn again when the data, the size or the theme changes.

import { effect } from "@preact/signals";
import uPlot from "uplot";
import { dark, token } from "./palette.js";

const WHOLE = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6]; // epochs have no halves
const FONT = "12px system-ui, sans-serif";

/** The axis below; `axis` is the one at the left. */
export const below = (label, more = {}) => axis(label, { size: 26, incrs: WHOLE, ...more });

/** As wide as its numbers. */
const wide = (_, numbers) => 12 + 7 * Math.max(3, ...(numbers ?? []).map((text) => String(text ?? "").length));

export function axis(label, more = {}) {
  return {
    label, labelFont: FONT, font: FONT, labelSize: 18, labelGap: 0, gap: 4, size: wide,
    stroke: token("quiet"), grid: { stroke: token("chart-grid"), width: 1 }, ticks: { show: false }, ...more,
  };
}

/**
 * Keeps one chart in `place`. `describe()` reads signals and returns {data, options, empty, caption};
 * the chart is made anew when the options' `key` or the theme changes, else only its data are.
 */
export function chart(place, describe, height = 240) {
  let plot = null;
  let key = "";
  const box = document.createElement("div");
  const note = document.createElement("p");
  note.className = "caption";

  const width = () => Math.max(200, place.clientWidth);
  function draw() {
    const theme = dark.value;
    const { data, options, empty, caption } = describe();
    if (empty) {
      plot?.destroy();
      plot = null;
      place.replaceChildren(Object.assign(document.createElement("p"), { className: "empty", textContent: empty }));
      return;
    }
    if (!box.isConnected) place.replaceChildren(box, note);
    const now = `${theme}|${options.key}`;
    if (plot && now === key) {
      plot.setData(data);
    } else {
      plot?.destroy();
      key = now;
      const size = { width: width(), height };
      plot = new uPlot({ ...size, legend: { show: false }, ...options }, data, box);
    }
    note.textContent = caption ?? "";
  }
  effect(draw);
  new ResizeObserver(() => plot && plot.width !== width() && plot.setSize({ width: width(), height })).observe(place);
  return { say: (text) => (note.textContent = text) };
}
