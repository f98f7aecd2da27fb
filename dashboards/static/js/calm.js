// What may come a moment later: charts of all trials follow the news once the page has nothing better to do.

import { signal } from "@preact/signals";

const MS = 700;

/**
 * A signal that follows `source`, at most once in `milliseconds` and when the page is idle; its first value at once.
 * @template T
 * @param {import("@preact/signals").Signal<T>} source
 * @returns {import("@preact/signals").Signal<T>}
 */
export function calmed(source, milliseconds = MS) {
  const found = signal(source.peek());
  let waiting = false;
  const idle = window.requestIdleCallback ?? ((act) => setTimeout(act));
  function follow() {
    waiting = false;
    found.value = source.peek();
  }
  source.subscribe((now) => {
    if (now === found.peek() || waiting) return;
    waiting = true;
    setTimeout(() => idle(follow, { timeout: milliseconds }), milliseconds);
  });
  return found;
}
