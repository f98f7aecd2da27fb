// The list refreshes itself: it asks for the summaries by ETag and takes the new table when they changed.

import { showConnection } from "./store.js";
import { swap } from "./swap.js";

const EVERY_MS = 3000;
let etag = "";

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/api/v1/studies", { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.status !== 304 && answer.ok) {
      const first = etag === "";
      etag = answer.headers.get("ETag") ?? "";
      if (!first) swap(await (await fetch(location.href)).text(), "#studies");
    }
    showConnection(answer.ok || answer.status === 304 ? "live" : "offline");
  } catch {
    showConnection("offline");
  }
}
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
refresh();
