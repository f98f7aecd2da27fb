// Colours: viridis (van der Walt and Smith, 2015), even to the eye and safe for colour-blind readers.

import { signal } from "@preact/signals";
import { isDark, onTheme } from "./theme.js";

const ANCHORS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
];

/** @type {Map<string, string>} */
const tokens = new Map(); // as the theme has them: asking the browser makes it work out the style of the page

/** Changes when the theme does, so that canvases draw themselves again. */
export const dark = signal(isDark());
onTheme(() => {
  tokens.clear();
  dark.value = isDark();
});

/**
 * A token of the visual language, as the page has it now.
 * @param {string} name
 */
export function token(name) {
  const known = tokens.get(name);
  if (known) return known;
  const found = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  tokens.set(name, found);
  return found;
}

function rgb(t) {
  const low = Number(token("scale-low")), high = Number(token("scale-high"));
  const place = (low + Math.min(1, Math.max(0, t)) * (high - low)) * (ANCHORS.length - 1);
  const i = Math.min(ANCHORS.length - 2, Math.floor(place)), f = place - i;
  return ANCHORS[i].map((part, k) => Math.round(part + (ANCHORS[i + 1][k] - part) * f));
}

/** The theme's part of viridis at t in [0, 1]: every colour stands out from the page. */
export const viridis = (t) => `rgb(${rgb(t).join(" ")})`;

/** Black or white, whichever reads better on viridis(t). */
export function inkOn(t) {
  const [r, g, b] = rgb(t).map((part) => ((part / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#0b0e12" : "#ffffff";
}

/** A linear map of the finite scores to [0, 1], better is higher. */
export function scoreScale(scores, minimize) {
  let low = Infinity, high = -Infinity;
  for (const score of scores) {
    if (score == null || !Number.isFinite(score)) continue;
    low = Math.min(low, score);
    high = Math.max(high, score);
  }
  const span = high - low || 1;
  return Object.assign((score) => (minimize ? (high - score) / span : (score - low) / span), { low, high });
}
