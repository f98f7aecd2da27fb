// Nothing is lost by one click. A form says how what it does can be taken back:
//   data-undo="PATH"   it is done at once; Undo posts to PATH, which does the opposite
//   data-hold="TEXT"   it cannot be taken back: it is held back for some seconds, in which Undo drops it
// Without JavaScript both are done at once.

import { fieldsOf, make, need } from "./dom.js";

const HOLD_MS = 6000, SHOWN_MS = 12000;
/** Forms that wait, each with its way to be sent now. @type {Map<HTMLFormElement, () => void>} */
const held = new Map();
/** @type {WeakSet<HTMLFormElement>} */
const released = new WeakSet();

/**
 * Say something at the lower edge; with `undo`, beside a button. The answer takes it away.
 * @param {string} text
 * @param {{ undo?: () => void, milliseconds?: number }} [more]
 */
export function toast(text, { undo, milliseconds = SHOWN_MS } = {}) {
  const box = make("div", { className: "toast" }, make("span", {}, text));
  const close = () => box.remove();
  if (undo) {
    const button = make("button", { type: "button" }, "Undo");
    button.addEventListener("click", () => {
      close();
      undo();
    });
    box.append(button);
  }
  need("toasts").append(box);
  setTimeout(close, milliseconds);
  return close;
}

/**
 * POST a form's fields without leaving the page; the answer is the page that it led to.
 * @param {string} path
 * @param {BodyInit} [body]
 */
async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.ok) return;
  const said = await answer.json().catch(() => null);
  throw new Error(said?.error?.message ?? `${answer.status} ${answer.statusText}`);
}

/**
 * Do it now and offer the opposite.
 * @param {HTMLFormElement} form
 */
async function doneWithUndo(form) {
  const back = form.dataset.undo ?? "", done = form.dataset.done ?? "Done";
  try {
    await post(form.action, fieldsOf(form));
    document.dispatchEvent(new Event("acted"));
    toast(done, {
      undo: () =>
        post(back).then(
          () => document.dispatchEvent(new Event("acted")),
          (error) => toast(`Not undone: ${error.message}`),
        ),
    });
  } catch (error) {
    toast(`Not done: ${error.message}`);
  }
}

/**
 * Wait; then submit the form as if it had just been clicked.
 * @param {HTMLFormElement} form
 */
function hold(form) {
  if (held.has(form)) return;
  const button = form.querySelector("button");
  const drop = () => {
    clearTimeout(timer);
    close();
    held.delete(form);
    if (button) button.disabled = false;
  };
  const timer = setTimeout(() => {
    drop();
    released.add(form);
    form.requestSubmit();
  }, HOLD_MS);
  const close = toast(`${form.dataset.hold} in ${HOLD_MS / 1000} s`, { undo: drop, milliseconds: HOLD_MS });
  held.set(form, () => void fetch(form.action, { method: "POST", body: fieldsOf(form), keepalive: true, redirect: "manual" }));
  if (button) button.disabled = true;
}

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || released.delete(form)) return;
    if (form.dataset.undo === undefined && form.dataset.hold === undefined) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.undo === undefined) hold(form);
    else void doneWithUndo(form);
  },
  { capture: true },
);

// Whoever leaves meant it: what waits is sent now.
addEventListener("pagehide", () => {
  for (const send of held.values()) send();
  held.clear();
});
