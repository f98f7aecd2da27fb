// What lies ahead as you type: the form is sent to the server's own preview, and plan, images, command, YAML and
// faults come back as HTML.

import { around, fieldsOf } from "./dom.js";
import { showConnection } from "./store.js";
import { swap } from "./swap.js";

const PARTS = "#plan, #data, #same, #launch .fields .faults";
const form = document.getElementById("launch");
const ahead = document.getElementById("ahead");
let timer = 0, last = null;

/** Times in the reader's own zone, with the day when it is not today. */
function clocks() {
  for (const time of form.querySelectorAll("[data-clock]")) {
    const at = new Date(Number(time.dataset.clock) * 1000);
    const today = at.toDateString() === new Date().toDateString();
    /** @type {Intl.DateTimeFormatOptions} */
    const shown = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
    time.textContent = at.toLocaleString([], shown);
  }
}

async function preview(action = "plan") {
  last?.abort();
  const mine = (last = new AbortController());
  ahead.setAttribute("aria-busy", "true");
  const body = fieldsOf(form);
  body.set("action", action);
  try {
    const answer = await fetch("/launch", { method: "POST", body, signal: mine.signal, headers: { Accept: "text/html" } });
    swap(await answer.text(), PARTS);
    for (const field of form.querySelectorAll("[name]")) {
      const faults = document.getElementById(`fault-${field.name}`);
      if (faults?.children.length) {
        field.setAttribute("aria-invalid", "true");
        field.closest("details")?.setAttribute("open", ""); // a fault is never hidden
      } else field.removeAttribute("aria-invalid");
    }
    clocks();
    showConnection("live");
  } catch (error) {
    if (error.name !== "AbortError") showConnection("offline");
  } finally {
    if (last === mine) ahead.removeAttribute("aria-busy");
  }
}

form.addEventListener("input", (event) => {
  const vary = /** @type {HTMLInputElement | null} */ (around(event, "[name^='vary:']"));
  if (vary) {
    const box = vary.closest(".parameter"), fixed = box.querySelector("[name^='fix:']");
    box.classList.toggle("still", !vary.checked);
    if (!vary.checked && !fixed.value) fixed.value = fixed.placeholder === "null" ? "" : fixed.placeholder;
  }
  clearTimeout(timer);
  timer = setTimeout(preview, 250);
});
form.addEventListener("submit", (event) => {
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  if (button?.value === "measure") {
    event.preventDefault();
    button.textContent = "Timing …";
    button.disabled = true;
    preview("measure");
  } else if (button) setTimeout(() => (button.disabled = true)); // after the form's values are taken
});
// Enter in a field shows the plan; launching takes the button.
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && around(event, "input")) {
    event.preventDefault();
    preview();
  }
});
clocks();
