// Keys on every page: rows, filter, help, and the pages by `g` and a letter.

import { around, need } from "./dom.js";

const GO_MS = 1500; // how long `g` waits for its letter

/** @param {number} step */
function move(step) {
  const links = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("table.rows tbody th a")]);
  if (!links.length) return;
  const here = document.activeElement?.closest("tr")?.querySelector("th a");
  const at = links.findIndex((link) => link === here);
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** Open the list of keys, with the focus inside. */
export function showKeys() {
  const dialog = /** @type {HTMLDialogElement} */ (need("keys"));
  if (!dialog.open) dialog.showModal();
}

/** @param {KeyboardEvent} event */
function filter(event) {
  const field = /** @type {HTMLElement | null} */ (document.querySelector("input[type=search]"));
  if (!field) return;
  event.preventDefault();
  field.focus();
}

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const ACTS = { j: () => move(1), k: () => move(-1), "?": showKeys, "/": filter };
let going = 0; // when `g` was pressed

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || around(event, "input, textarea, select, dialog")) return;
  if (event.key === "g") {
    going = Date.now();
    return;
  }
  if (Date.now() - going < GO_MS) {
    going = 0;
    const link = /** @type {HTMLElement | null} */ (document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`));
    if (link) return void link.click();
  }
  ACTS[event.key]?.(event);
}
document.addEventListener("keydown", press);
