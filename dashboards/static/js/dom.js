// What the page must hold, and what was clicked; types that tsc can follow.

/**
 * The element of this id. The templates and the modules belong together: one that is missing is a defect.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function need(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * The nearest element around an event's target that matches.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const around = (event, selector) =>
  event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest(selector)) : null;

/**
 * A new element with properties and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/**
 * What a form without files would send, as a query string.
 * @param {any} form
 */
export const fieldsOf = (form) => new URLSearchParams(/** @type {any} */ (new FormData(form)));

/**
 * `act` once the next frame is drawn, so that what is small and new is seen before what is large is drawn again. A later
 * call replaces one that still waits.
 * @param {() => void} act
 */
export function afterPaint(act) {
  let asked = 0;
  return () => {
    const mine = ++asked;
    requestAnimationFrame(() => setTimeout(() => mine === asked && act()));
  };
}
