// Takes a freshly rendered page from the server and exchanges the parts that changed, keeping the rest as it is.

/**
 * Replace each `selector` of this page with its counterpart in `text` (a whole page) where they differ.
 * @param {string} text
 * @param {string} selector
 */
export function swap(text, selector) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const next = [...fresh.querySelectorAll(selector)];
  document.querySelectorAll(selector).forEach((old, i) => {
    if (!next[i] || old.isEqualNode(next[i])) return;
    const opened = [...old.querySelectorAll("details")].map((each) => each.open);
    const scrolled = [...old.querySelectorAll(".log, .timeline")].map((each) => each.scrollTop);
    old.replaceChildren(...next[i].childNodes);
    old.querySelectorAll("details").forEach((each, k) => (each.open = opened[k] ?? false));
    old.querySelectorAll(".log, .timeline").forEach((each, k) => (each.scrollTop = scrolled[k] ?? 0));
  });
  return fresh;
}
