// The cluster page renews itself: its own HTML is fetched again, and the parts that changed are exchanged.

import { showConnection } from "./store.js";
import { swap } from "./swap.js";

const EVERY_MS = 2000;
const PARTS = "#cluster-facts, #nodes, #shares, #waiting";
let busy = false;

async function refresh() {
  const typing = document.activeElement?.matches("#waiting input"); // what somebody types is not taken away
  if (document.hidden || busy || typing) return;
  busy = true;
  try {
    const answer = await fetch("/cluster", { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.ok) swap(await answer.text(), PARTS);
    showConnection(answer.ok ? "live" : "offline");
  } catch {
    showConnection("offline");
  } finally {
    busy = false;
  }
}
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
refresh();
