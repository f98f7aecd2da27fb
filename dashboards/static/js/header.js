// The study's first lines: state, progress, cost, end; the best against the recipe.

import { html } from "htm/preact";
import { clock, gain, metric, metricLabel } from "./format.js";

const HOUR = 3600;
const hours = (spent) => (spent >= 100 ? Math.round(spent) : spent >= 0.095 || spent === 0 ? spent.toFixed(1) : spent.toFixed(3));

function Cost({ spent }) {
  const gpus = spent.gpu_hours != null;
  const now = gpus ? spent.gpu_hours : spent.trial_hours, planned = gpus ? spent.gpu_hours_planned : spent.trial_hours_planned;
  return html`<li title=${gpus ? "" : "Hours of all trials together; they take no GPU"}><strong>${hours(now)}</strong>${planned != null && ` of ${hours(planned)}`} ${gpus ? "GPU-h" : "trial-h"}</li>`;
}

export function Facts({ store }) {
  const study = store.study.value;
  const left = study.status === "running" && study.seconds_left != null;
  const ends = left && Date.now() / 1000 + study.seconds_left;
  const exact = left && `${new Date(ends * 1000).toLocaleString()}; ${(study.seconds_left / HOUR).toFixed(1)} h left at the pace so far`;
  return html`<ul class="facts">
      <li><span class="state state-${study.status}">${study.status}</span>${study.reason && html` <span class="quiet">${study.reason}</span>`}</li>
      <li><strong>${study.trials_started}</strong> of ${study.trials_planned} trials</li>
      <li><strong>${study.epochs_spent}</strong> of ${study.epochs_planned} epochs</li>
      <${Cost} spent=${study.spent} />
      ${left && html`<li title=${exact}>ends about <strong>${clock(ends)}</strong></li>`}
      ${store.notice.value && study.ended_at == null && html`<li class="quiet" role="status">${store.notice.value}</li>`}
    </ul>
    <progress class="bar" max=${study.epochs_planned} value=${study.epochs_spent} aria-label="Epochs spent"></progress>`;
}

export function Best({ store }) {
  const study = store.study.value;
  const { metric: name } = store.objective.value;
  const best = study.best;
  if (!best) return html`<p class="quiet">No epoch is finished yet.</p>`;
  const aims = study.objective.map((each) => each.metric);
  const others = [...new Set([...aims, ...study.measures.shown])].filter((other) => other !== name && best.metrics[other] != null);
  return html`<p>Best <span class="big">${metric(best.metrics[name], name)}</span> ${metricLabel(name)}
    ${" ("}<a href="/studies/${store.id}/trials/${best.trial}">trial ${best.trial}</a> at epoch ${best.epoch}${best.gain != null && html`, <strong>${gain(best.gain, name)}</strong> against the recipe's default`}${best.gain == null && study.default && `; the recipe's default: ${metric(study.default.metrics[name], name)} at epoch ${study.default.epoch}`})
    ${others.map((other) => html` <span class="beside" key=${other}>${metricLabel(other)} <strong>${metric(best.metrics[other], other)}</strong></span>`)}
    ${best.metrics.mAP != null && html` <a class="beside" href="/studies/${store.id}/trials/${best.trial}/gallery">its retrievals</a>`}
    ${document.getElementById("study")?.dataset.winner && html` <a class="beside" href="/studies/${store.id}/winner/gallery">the retrained winner's</a>`}</p>`;
}
