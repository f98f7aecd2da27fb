// The plan as you type: the form is sent to the server's own preview, and plan and faults come back as HTML.

import { showConnection } from "./store.js";
import { swap } from "./swap.js";

const form = document.getElementById("launch");
const plan = document.getElementById("plan");
let timer = 0, last = null;

async function preview() {
  last?.abort();
  const mine = (last = new AbortController());
  plan.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(form));
  body.set("action", "plan");
  try {
    const answer = await fetch("/launch", { method: "POST", body, signal: mine.signal, headers: { Accept: "text/html" } });
    swap(await answer.text(), "#plan, #launch .fields .faults");
    for (const field of form.querySelectorAll("[name]")) {
      const faults = document.getElementById(`fault-${field.name}`);
      if (faults?.children.length) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
    showConnection("live");
  } catch (error) {
    if (error.name !== "AbortError") showConnection("offline");
  } finally {
    if (last === mine) plan.removeAttribute("aria-busy");
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, 250);
});
form.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button) setTimeout(() => (button.disabled = true)); // after the form's values are taken
});
// Enter in a field shows the plan; launching takes the button.
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("input")) {
    event.preventDefault();
    preview();
  }
});
