// What the results say: expected gain, importance, partial dependence, what the model believes. Fetched when its section
// is opened, and again when it is opened after the study went on: it takes the server a second or more.

import { signal } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { metric, metricLabel, shortKey, value } from "./format.js";
import { fetchJson } from "./store.js";

const WIDTH = 240, HEIGHT = 132, LEFT = 34, BOTTOM = 18, PAD = 6;
const BAR = 160, ROW = 16;

const Needs = ({ part }) => html`<p class="quiet">Needs ${part.needs}.</p>`;

function Bar({ one }) {
  const at = (share) => (share * BAR).toFixed(1);
  return html`<svg class="shares" width=${BAR} height=${ROW} viewBox="0 0 ${BAR} ${ROW}" aria-hidden="true">
    <rect x="0" y="3" width=${at(one.mean)} height=${ROW - 6} />
    <path d="M${at(one.low)} 8H${at(one.high)}M${at(one.low)} 4V12M${at(one.high)} 4V12" />
  </svg>`;
}

function Importance({ part }) {
  if (part.needs) return html`<${Needs} part=${part} />`;
  const interval = `${Math.round(100 * part.interval)} % interval`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Importance of the parameters"><table class="rows compact">
    <thead><tr><th scope="col">Parameter</th><th scope="col">Share of the variance</th><th scope="col" class="num">%</th><th scope="col" class="num">${interval}</th></tr></thead>
    <tbody>${part.parameters.map((one) => html`<tr key=${one.name}>
      <th scope="row" title=${one.name}>${shortKey(one.name)}</th><td class="graph"><${Bar} one=${one} /></td>
      <td class="num">${(100 * one.mean).toFixed(0)}</td><td class="num">${(100 * one.low).toFixed(0)} to ${(100 * one.high).toFixed(0)}</td>
    </tr>`)}</tbody></table></div>
    <p class="caption">What a parameter explains of the trials' differences: functional ANOVA over ${part.trials} trials.</p>`;
}

/** The lowest and highest that any chart shows, so that all share one scale and can be compared. */
function range(parameters) {
  let low = Infinity, high = -Infinity;
  for (const one of parameters) {
    one.mean.forEach((mean, i) => {
      low = Math.min(low, mean - one.deviation[i]);
      high = Math.max(high, mean + one.deviation[i]);
    });
  }
  const pad = (high - low || 1) * 0.05;
  return [low - pad, high + pad];
}

/** The places of the best and the worst value. */
function ends(one, minimize) {
  const order = one.mean.map((_, i) => i).sort((a, b) => (minimize ? 1 : -1) * (one.mean[a] - one.mean[b]));
  return [order[0], order[order.length - 1]];
}

function Chart({ one, low, high, name, minimize }) {
  const last = one.values.length - 1;
  const x = (i) => LEFT + (last ? (i + (one.choice ? 0.5 : 0)) / (last + (one.choice ? 1 : 0)) : 0.5) * (WIDTH - LEFT - PAD);
  const y = (number) => PAD + ((high - number) / (high - low)) * (HEIGHT - BOTTOM - 2 * PAD);
  const point = (i, number) => `${x(i).toFixed(1)},${y(number).toFixed(1)}`;
  const upper = one.mean.map((mean, i) => point(i, mean + one.deviation[i]));
  const lower = one.mean.map((mean, i) => point(i, mean - one.deviation[i])).reverse();
  const [best] = ends(one, minimize);
  const told = `${one.name}: best at ${value(one.values[best])}, ${metric(one.mean[best], name)} expected`;
  const sticks = one.mean.map((mean, i) => `M${point(i, mean - one.deviation[i])}L${point(i, mean + one.deviation[i])}`).join("");
  return html`<figure>
    <figcaption title=${one.name}>${shortKey(one.name)}${one.log && html` <small>log</small>`}</figcaption>
    <svg class="dependence" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${told}>
      <path class="frame" d="M${LEFT} ${PAD}V${HEIGHT - BOTTOM - PAD / 2}H${WIDTH - PAD}" />
      <text x=${LEFT - 4} y=${PAD + 8} text-anchor="end">${metric(high, name)}</text>
      <text x=${LEFT - 4} y=${HEIGHT - BOTTOM - PAD} text-anchor="end">${metric(low, name)}</text>
      ${one.choice
        ? html`<path class="stick" d=${sticks} />${one.mean.map((mean, i) => html`<circle key=${i} cx=${x(i).toFixed(1)} cy=${y(mean).toFixed(1)} r="3.5"><title>${value(one.values[i])}: ${metric(mean, name)} ± ${metric(one.deviation[i], name)}</title></circle>`)}`
        : html`<polygon points=${[...upper, ...lower].join(" ")} /><polyline points=${one.mean.map((mean, i) => point(i, mean)).join(" ")} />`}
      ${one.choice
        ? one.values.map((item, i) => html`<text key=${i} x=${x(i).toFixed(1)} y=${HEIGHT - 4} text-anchor="middle">${short(value(item), last)}</text>`)
        : html`<text x=${LEFT} y=${HEIGHT - 4}>${value(one.values[0])}</text><text x=${WIDTH - PAD} y=${HEIGHT - 4} text-anchor="end">${value(one.values[last])}</text>`}
    </svg>
  </figure>`;
}

/** A choice's name, as long as there is room for it under the chart. */
function short(text, last) {
  const most = Math.max(3, Math.floor(32 / (last + 1)));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function Dependence({ part, name, minimize, epochs }) {
  if (part.needs) return html`<${Needs} part=${part} />`;
  const [low, high] = range(part.parameters);
  const cell = (one, i) => html`<td class="num">${value(one.values[i])}</td><td class="num">${metric(one.mean[i], name)} ± ${metric(one.deviation[i], name)}</td>`;
  return html`<div class="multiples">${part.parameters.map((one) => html`<${Chart} key=${one.name} one=${one} low=${low} high=${high} name=${name} minimize=${minimize} />`)}</div>
    <p class="caption">${metricLabel(name)} that the model expects at epoch ${epochs}, mean over the other parameters; the band is the model's deviation.</p>
    <details><summary>As a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Partial dependence"><table class="rows compact">
      <thead><tr><th scope="col">Parameter</th><th scope="col" class="num">Best at</th><th scope="col" class="num">Expected</th><th scope="col" class="num">Worst at</th><th scope="col" class="num">Expected there</th></tr></thead>
      <tbody>${part.parameters.map((one) => html`<tr key=${one.name}><th scope="row" title=${one.name}>${shortKey(one.name)}</th>${ends(one, minimize).map((i) => cell(one, i))}</tr>`)}</tbody>
    </table></div></details>`;
}

function Belief({ part, name, study }) {
  if (part.needs) return html`<${Needs} part=${part} />`;
  const expected = (one) => html`<td class="num">${metric(one.mean, name)} ± ${metric(one.deviation, name)}</td>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What the model believes"><table class="rows compact">
    <thead><tr><th scope="col">Trial</th><th scope="col" class="num">Epoch</th><th scope="col" class="num">Seen</th><th scope="col" class="num">Expected in full</th><th scope="col">Why</th></tr></thead>
    <tbody>
      ${part.trials.map((one) => html`<tr key=${one.trial}><th scope="row"><a href="/studies/${study}/trials/${one.trial}">${one.trial}</a></th>
        <td class="num">${one.epoch}</td><td class="num">${metric(one.seen, name)}</td>${expected(one)}<td class="settings">${one.advance_reason || `${one.origin}: ${one.reason}`}</td></tr>`)}
      ${part.new && html`<tr><th scope="row">new</th><td class="num">–</td><td class="num">–</td>${expected(part.new)}
        <td class="settings">${Object.entries(part.new.values).map(([key, item]) => html`<span key=${key} title=${key}>${shortKey(key)} <b>${value(item)}</b></span>`)}</td></tr>`}
    </tbody></table></div>`;
}

function Analysis({ view, problem, study }) {
  if (problem.value) return html`<p class="alert" role="alert">Not loaded: ${problem.value}</p>`;
  if (!view.value) return html`<p class="loading" role="status">Working it out …</p>`;
  const { importance, dependence, belief, gain, notes, objective, max_epochs: epochs } = view.value;
  const name = objective.metric, minimize = objective.goal === "minimize";
  return html`
    <h3>Expected gain</h3>
    ${gain.needs ? html`<${Needs} part=${gain} />` : html`<p id="expected-gain">${gain.text}</p>`}
    <h3>Importance</h3><${Importance} part=${importance} />
    <h3>Partial dependence</h3><${Dependence} part=${dependence} name=${name} minimize=${minimize} epochs=${epochs} />
    <h3>What the model believes</h3><${Belief} part=${belief} name=${name} study=${study} />
    ${notes.map((note) => html`<p class="caption" key=${note}>${note}</p>`)}`;
}

/** Draws the analysis of the store's study into `place`. The answer is a function that brings it up to date. */
export function analysis(place, store) {
  const view = signal(null), problem = signal("");
  place.replaceChildren();
  render(html`<${Analysis} view=${view} problem=${problem} study=${store.id} />`, place);
  return async () => {
    if (view.value && view.value.revision === store.study.value?.revision) return;
    try {
      view.value = await fetchJson(`${store.base}/analysis`);
      problem.value = "";
    } catch (error) {
      problem.value = error.message;
    }
  };
}
