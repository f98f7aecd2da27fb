// The list refreshes itself: it asks for the summaries by ETag and takes the new table when they changed. What is
// typed into the search is asked of the server too, and stands in the address; ticks outlive both.

import { around, fieldsOf } from "./dom.js";
import { showConnection } from "./store.js";
import { swap } from "./swap.js";

const EVERY_MS = 3000;
const PARTS = "#studies, #count";
const search = document.getElementById("search");
const form = document.getElementById("chosen");
const ticked = new Set();
let etag = "", timer = 0, last = null;

/** The table as the server shows it at this address; an older question is dropped. */
async function show(address) {
  last?.abort();
  const mine = (last = new AbortController());
  const text = await (await fetch(address, { signal: mine.signal, headers: { Accept: "text/html" } })).text();
  const focused = document.activeElement?.closest("#studies tr")?.dataset.href;
  swap(text, PARTS);
  for (const box of boxes()) box.checked = ticked.has(box.value);
  if (focused) document.querySelector(`tr[data-href="${focused}"] th a`)?.focus();
  count();
}

async function refresh() {
  if (document.hidden) return;
  try {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await fetch("/api/v1/studies?archived=true", { headers, cache: "no-store" });
    if (answer.status !== 304 && answer.ok) {
      const first = etag === "";
      etag = answer.headers.get("ETag") ?? "";
      if (!first) await show(location.href);
    }
    showConnection(answer.ok || answer.status === 304 ? "live" : "offline");
  } catch (error) {
    if (error.name !== "AbortError") showConnection("offline");
  }
}

const boxes = () => form?.querySelectorAll("input[name=study]") ?? [];

/** What the buttons may be asked with the ticks as they are. */
function count() {
  if (!form) return;
  for (const box of boxes()) ticked[box.checked ? "add" : "delete"](box.value);
  const there = [...boxes()].filter((box) => box.checked).length;
  document.getElementById("ticked").textContent = there ? `${there} chosen:` : "Tick studies to compare or change them";
  const compare = document.getElementById("compare");
  compare.disabled = there < 1 || there > Number(compare.dataset.most);
  compare.title = there > Number(compare.dataset.most) ? `at most ${compare.dataset.most} studies fit beside each other` : "";
  for (const button of form.querySelectorAll("[data-needs]")) button.disabled = !there;
  for (const button of form.querySelectorAll("[data-one]")) button.disabled = there !== 1;
}

function find() {
  const fields = fieldsOf(search);
  if (!fields.get("q")) fields.delete("q");
  const address = fields.size ? `/?${fields}` : "/";
  history.replaceState(null, "", address);
  for (const name of ["q", "archived"]) form.elements[name].value = fields.get(name) ?? "";
  show(address).catch((error) => error.name === "AbortError" || showConnection("offline"));
}

search?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(find, 150);
});
search?.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
search?.addEventListener("keydown", (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  if (event.key !== "Escape" || !field.value) return;
  event.preventDefault();
  field.value = "";
  find();
});
form?.addEventListener("change", count);
// x ticks the row that has the focus, as j and k walk them.
document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || around(event, "input, textarea, select")) return;
  document.activeElement?.closest("#studies tr")?.querySelector("input[name=study]")?.click();
});
form?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && around(event, "input")) event.preventDefault(); // a verb takes its button
});
count();
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
refresh();
