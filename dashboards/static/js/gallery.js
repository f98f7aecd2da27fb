// The retrieval gallery: its parts exchanged without leaving the page, its progress while it is built, its map.

import { around, need } from "./dom.js";
import { embeddingMap } from "./embedding_map.js";
import { fetchJson, showConnection } from "./store.js";
import { swap } from "./swap.js";

const POLL_MS = 1000;
/** @type {(() => void) | null} */
let closeMap = null;
let asked = 0;

const root = () => need("gallery");

/**
 * Show another part of the gallery; the address is the part's own.
 * @param {string} address
 * @param {{ push?: boolean, focus?: boolean }} [how]
 */
async function show(address, { push = true, focus = true } = {}) {
  const mine = ++asked;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (mine !== asked) return;
    if (!answer.ok) throw new Error(`${answer.status}`);
    if (push) history.pushState(null, "", address);
    redraw(text);
    const look = document.getElementById("look");
    if (focus && look) look.scrollIntoView({ block: "start" });
  } catch {
    if (push) location.assign(address);
    else showConnection("offline");
  }
}

/** @param {string} text */
function redraw(text) {
  closeMap?.();
  closeMap = null;
  const fresh = swap(text, "[data-live]");
  const state = fresh.getElementById("gallery")?.dataset;
  if (state) Object.assign(root().dataset, state);
  begin();
}

function begin() {
  const place = document.getElementById("map");
  if (place) closeMap = embeddingMap(place, root().dataset, (query) => show(withQuery(query)));
  if (root().dataset.state === "building") setTimeout(poll, POLL_MS);
}

/** @param {number} query */
function withQuery(query) {
  const address = new URL(location.href);
  address.searchParams.set("query", String(query));
  return address.pathname + address.search;
}

/** While it is built: ask how far it is, and draw the page again when that changed. */
async function poll() {
  try {
    const now = await fetchJson(root().dataset.api ?? "");
    showConnection("live");
    const said = `${now.state} ${now.stage} ${now.done}`;
    if (root().dataset.said !== said) {
      root().dataset.said = said;
      redraw(await (await fetch(location.href)).text());
    } else setTimeout(poll, POLL_MS);
  } catch {
    showConnection("reconnecting");
    setTimeout(poll, 3 * POLL_MS);
  }
}

document.addEventListener("click", (event) => {
  const link = around(event, "a[data-part]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  void show(link.getAttribute("href") ?? "");
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.dataset.filter === undefined) return;
  event.preventDefault();
  const fields = [...new FormData(form)].filter(([, text]) => text !== "");
  void show(`${location.pathname}?${new URLSearchParams(/** @type {any} */ (fields))}`);
});
document.addEventListener("change", (event) => {
  const form = around(event, "form[data-filter]");
  if (form instanceof HTMLFormElement && event.target instanceof HTMLSelectElement) form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || around(event, "input, textarea, select, dialog")) return;
  if (event.key === "Escape") /** @type {HTMLElement | null} */ (document.querySelector("a[data-close]"))?.click();
  if (event.key !== "j" && event.key !== "k") return;
  const rows = /** @type {HTMLElement[]} */ ([...document.querySelectorAll(".query > .asked")]);
  const at = rows.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
});
addEventListener("popstate", () => void show(location.href, { push: false, focus: false }));
begin();
