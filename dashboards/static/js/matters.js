// What matters, in one line: the parameters that explain most of the trials' differences. Asked for after the page is
// there, and again now and then while the study goes on: it takes the server a second or more.

import { signal } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { shortKey } from "./format.js";
import { fetchJson } from "./store.js";

const SHOWN = 4, AGAIN_MS = 60_000;

function Matters({ part, problem }) {
  if (problem.value) return html`<span class="quiet" title=${problem.value}>What matters: not known now</span>`;
  if (!part.value) return html`<span class="quiet">What matters: working it out …</span>`;
  if (part.value.needs) return html`<span class="quiet">What matters: needs ${part.value.needs}</span>`;
  const told = (one) => `${one.name}: ${(100 * one.mean).toFixed(0)} % of the trials' differences (${(100 * one.low).toFixed(0)} to ${(100 * one.high).toFixed(0)} %)`;
  const all = part.value.parameters;
  return html`<a href="#analysis" class="quiet">What matters</a> ${all.slice(0, SHOWN).map((one) => html`<span class="matter" key=${one.name} title=${told(one)}>${shortKey(one.name)} <strong>${(100 * one.mean).toFixed(0)} %</strong><meter min="0" max="1" value=${one.mean} aria-hidden="true"></meter></span>`)}
    ${all.length > SHOWN && html`<span class="quiet" title=${all.slice(SHOWN).map(told).join("\n")}>and ${all.length - SHOWN} more</span>`}`;
}

/** Keeps the line in `place`. */
export function matters(place, store) {
  const part = signal(null), problem = signal("");
  render(html`<${Matters} part=${part} problem=${problem} />`, place);
  place.addEventListener("click", (event) => {
    if (event.target.closest("a")) document.getElementById("analysis").open = true;
  });
  let asked = -1, asking = false;
  async function ask() {
    const now = store.rows.peek().filter((row) => row.status !== "running").length; // whose epochs still come say little
    if (asking || now === asked || document.hidden) return;
    asking = true;
    try {
      part.value = (await fetchJson(`${store.base}/analysis?objective=0`)).importance;
      problem.value = "";
      asked = now;
    } catch (error) {
      problem.value = error.message;
    }
    asking = false;
  }
  ask();
  setInterval(ask, AGAIN_MS);
}
