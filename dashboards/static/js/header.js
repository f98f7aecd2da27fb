// The study's first lines: state, progress, time left; the best against the default.

import { html } from "htm/preact";
import { ago, clock, duration, gain, metric, metricLabel } from "./format.js";

export function Facts({ store }) {
  const study = store.study.value;
  const running = study.status === "running";
  const left = running && study.seconds_left != null;
  return html`
    <ul class="facts">
      <li><span class="state state-${study.status}">${study.status}</span>${study.reason && html` <span class="quiet">${study.reason}</span>`}</li>
      <li><strong>${study.trials_started}</strong> of ${study.trials_planned} trials</li>
      <li><strong>${study.epochs_spent}</strong> of ${study.epochs_planned} epochs</li>
      ${left && html`<li><strong>${duration(study.seconds_left)}</strong> left, ends about ${clock(Date.now() / 1000 + study.seconds_left)}</li>`}
      ${study.idle_share != null && html`<li class="quiet">${(100 * study.idle_share).toFixed(1)} % idle</li>`}
      <li class="quiet">started <time data-at=${study.created_at} title=${new Date(study.created_at * 1000).toISOString()}>${ago(study.created_at)}</time></li>
      ${store.notice.value && html`<li class="quiet" role="status">${store.notice.value}</li>`}
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
  return html`<ul class="metrics">
    <li><span class="big">${metric(best.metrics[name], name)}</span> ${metricLabel(name)}</li>
    ${others.map((other) => html`<li key=${other}><span class="big">${metric(best.metrics[other], other)}</span> ${metricLabel(other)}</li>`)}
    <li><a href="/studies/${store.id}/trials/${best.trial}">trial ${best.trial}</a> at epoch ${best.epoch}${best.gain != null && html`, <strong>${gain(best.gain, name)}</strong> against the recipe's default`}</li>
    ${best.gain == null && study.default && html`<li class="quiet">the recipe's default: ${metric(study.default.metrics[name], name)} at epoch ${study.default.epoch}</li>`}
  </ul>`;
}
