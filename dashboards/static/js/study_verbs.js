// Pause, resume, stop, extend, limits, note and tags without leaving the page; the forms work without this too.

import { effect } from "@preact/signals";
import { fieldsOf } from "./dom.js";
import { fetchJson } from "./store.js";
import { toast } from "./undo.js";

const WORDS = { pause: "pause", stop: "stop", resume: "resume" };

/** What takes a verb back, as a function; nothing for what cannot be. */
function undoOf(verb, before, send) {
  const form = (fields) => new URLSearchParams(fields);
  switch (verb) {
    case "pause": return () => send("resume", form({}));
    case "resume": return () => send("pause", form({}));
    case "stop": return () => send("extend", form({})).then(() => send("resume", form({})));
    case "note": return () => send("note", form({ text: before.note }));
    case "tags": return () => send("tags", form({ tags: before.tags.join(", ") }));
    default: return undefined;
  }
}

export function verbs(place, store) {
  if (!place) return; // a viewer has none
  async function send(verb, body) {
    try {
      const acted = await fetchJson(`/studies/${encodeURIComponent(store.id)}/${verb}`, { method: "POST", body });
      store.study.value = { ...store.study.value, ...acted };
      return acted;
    } catch (error) {
      toast(error.message);
      return null;
    }
  }
  effect(() => {
    const status = store.study.value?.status;
    if (!status) return;
    const rests = ["paused", "interrupted", "created"].includes(status);
    for (const form of place.querySelectorAll(":scope > form")) {
      form.querySelector("button").disabled = !form.dataset.states.split(" ").includes(status);
      form.hidden = (form.dataset.verb === "resume") !== rests;
    }
    for (const menu of place.querySelectorAll("details[data-states]")) {
      const able = menu.dataset.states.split(" ").includes(status);
      menu.querySelector("summary").setAttribute("aria-disabled", String(!able));
      for (const button of menu.querySelectorAll("button")) button.disabled = !able;
    }
  });
  place.addEventListener("submit", async (event) => {
    const form = event.target, verb = form.dataset.verb;
    event.preventDefault();
    const before = store.study.peek();
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    const acted = await send(verb, fieldsOf(form));
    for (const button of buttons) button.disabled = false;
    if (!acted) {
      store.study.value = { ...store.study.value };
      return;
    }
    if (verb in WORDS) store.notice.value = `${WORDS[verb]} asked for${verb === "resume" ? "" : "; running trials finish their epoch first"}`;
    toast(acted.told, { undo: acted.changed ? undoOf(verb, before, send) : undefined });
    const menu = form.closest("details");
    if (menu) menu.open = false;
  });
}

/** Menus close when one clicks elsewhere or presses Esc; one is open at a time. */
export function menus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
