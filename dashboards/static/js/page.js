// On every page: relative times, copy buttons, whole rows as links, theme, offline banner; keys and undo.

import { around, need } from "./dom.js";
import { ago } from "./format.js";
import { showKeys } from "./keys.js";
import { isDark, onTheme, switchTheme } from "./theme.js";
import "./undo.js";

function refreshTimes() {
  for (const time of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("time[data-at]"))) {
    const text = ago(Number(time.dataset.at));
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(refreshTimes, 1000);
refreshTimes();

/** @param {HTMLElement} button */
async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy ?? "");
    button.textContent = "Copied";
  } catch {
    const text = button.parentElement?.querySelector("code");
    if (text) getSelection()?.selectAllChildren(text);
    button.textContent = "Press Ctrl-C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

document.addEventListener("click", (event) => {
  const button = around(event, "[data-copy]");
  if (button) return void copy(button);
  if (around(event, "[data-keys]")) return showKeys();
  if (around(event, "[data-back]")) {
    event.preventDefault();
    return history.back();
  }
  const row = around(event, "tr[data-href]");
  if (row?.dataset.href && !around(event, "a, button, input, label") && !getSelection()?.toString()) location.href = row.dataset.href;
});

const theme = document.getElementById("theme");
const tellTheme = () => theme?.setAttribute("aria-pressed", String(isDark()));
theme?.addEventListener("click", switchTheme);
onTheme(tellTheme);
tellTheme();

// The banner: whoever reads numbers must know that they stand still, and since when.
const connection = need("connection"), banner = need("offline");
function tellConnection() {
  const lost = !navigator.onLine || connection.dataset.state === "offline";
  if (lost && banner.hidden) {
    const since = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    banner.textContent = `Offline since ${since}: the server does not answer. What you see stays; it goes on by itself once the server is back.`;
  }
  banner.hidden = !lost;
}
new MutationObserver(tellConnection).observe(connection, { attributes: true, attributeFilter: ["data-state"] });
addEventListener("offline", tellConnection);
addEventListener("online", tellConnection);
