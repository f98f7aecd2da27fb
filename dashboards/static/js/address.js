// What one looks at is in the address: every filter, order, axis and selection is a link, and Back takes it back.

import { batch, effect, signal } from "@preact/signals";

const REST_MS = 500; // a change is a step of the history once nothing has changed for so long
/** @type {Map<string, { held: import("@preact/signals").Signal<string>, usual: string }>} */
const kept = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * A text that lives in the address as `name`; there is nothing of it there while it is `usual`.
 * @param {string} name
 * @param {string} [usual]
 */
export function inAddress(name, usual = "") {
  const known = kept.get(name);
  if (known) return known.held;
  const held = signal(new URLSearchParams(location.search).get(name) ?? usual);
  kept.set(name, { held, usual });
  let first = true;
  effect(() => {
    void held.value;
    if (!first) later();
    first = false;
  });
  return held;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(push, REST_MS);
}

function push() {
  const query = new URLSearchParams(location.search);
  query.delete("page"); // of the table without JavaScript
  for (const [name, { held, usual }] of kept) {
    if (held.value === usual) query.delete(name);
    else query.set(name, held.value);
  }
  const text = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%7E", "~").replaceAll("%3B", ";");
  const next = `${location.pathname}${text ? `?${text}` : ""}`;
  if (next !== `${location.pathname}${location.search}`) history.pushState(null, "", next);
}

addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  batch(() => {
    for (const [name, { held, usual }] of kept) held.value = query.get(name) ?? usual;
  });
  clearTimeout(timer); // what came from the history is no new step of it
});
