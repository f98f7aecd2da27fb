// On every page: relative times, copy buttons, keys, whole rows as links.

import { ago } from "./format.js";

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-at]")) {
    const text = ago(Number(time.dataset.at));
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(refreshTimes, 1000);
refreshTimes();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      const text = button.parentElement.querySelector("code");
      getSelection().selectAllChildren(text);
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
    return;
  }
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button") && !getSelection().toString()) location.href = row.dataset.href;
});

function move(step) {
  const links = [...document.querySelectorAll("table.rows tbody th a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement?.closest("tr")?.querySelector("th a"));
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (event.key === "/") {
    const filter = document.querySelector("input[type=search]");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
  }
});
