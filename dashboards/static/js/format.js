// Numbers, times and values as a person reads them; dashboards/formats.py says the same on the server.

const NONE = "–";
/** @type {Array<[number, string]>} */
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];
/** @type {Record<string, string>} */
const LABELS = {
  images_per_second: "images/s", latency_ms: "latency ms", flops: "multiply-adds", lr: "learning rate",
  data_wait: "waiting for data, share", cpu: "cores in use", memory_gb: "memory GiB", gpu: "GPU in use, share", gpu_memory_gb: "GPU memory GiB",
};
let own = {
  mAP: { title: "mAP", fraction: true }, mINP: { title: "mINP", fraction: true }, rank1: { title: "rank-1", fraction: true },
  rank5: { title: "rank-5", fraction: true }, rank10: { title: "rank-10", fraction: true },
};

/** Read metrics as the study's task tells them; those above are what a study of ReID says. */
export function learn(measures) {
  if (measures) own = measures.own;
}

/** `OTHER/mAP` and `plain_mAP` are read as mAP is; of an unknown name nothing is known. */
function measureOf(name) {
  if (own[name]) return own[name];
  const cut = name.lastIndexOf("/") + 1, rest = name.slice(cut), plain = rest.replace(/^plain_/, "");
  const known = own[plain];
  if (!known) return { title: LABELS[name] ?? name, fraction: rest.startsWith("tpr_at_fpr_") };
  return { ...known, title: [name.slice(0, Math.max(0, cut - 1)), plain === rest ? "" : "plain", known.title].filter(Boolean).join(" ") };
}

export function metricLabel(name) {
  const { title, fraction } = measureOf(name);
  return fraction ? `${title} %` : title;
}
/** The number as charts plot it: percent for fractions. */
export const scaled = (number, name) => (number == null ? null : measureOf(name).fraction ? number * 100 : number);

const significant = (number, digits = 4) => String(Number(number.toPrecision(digits)));

export function metric(number, name = "mAP") {
  if (number == null || !Number.isFinite(number)) return NONE;
  return measureOf(name).fraction ? (100 * number).toFixed(1) : value(Number(number.toPrecision(4)));
}

export function gain(number, name = "mAP") {
  if (number == null || !Number.isFinite(number)) return NONE;
  return (number >= 0 ? "+" : "−") + metric(Math.abs(number), name);
}

export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  const s = whole % 60, m = Math.floor(whole / 60) % 60, h = Math.floor(whole / 3600) % 24, d = Math.floor(whole / 86400);
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${String(m).padStart(2, "0")} min`;
  return m ? `${m} min ${String(s).padStart(2, "0")} s` : `${s} s`;
}

export function ago(at, now = Date.now() / 1000) {
  const seconds = now - at;
  for (const [size, unit] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return seconds < 5 ? "just now" : `${Math.floor(seconds)} s ago`;
}

export const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export const shortKey = (key) => key.slice(key.lastIndexOf(".") + 1);

export function value(setting) {
  if (setting === null || setting === undefined) return "null";
  if (typeof setting === "number") {
    const small = setting !== 0 && Math.abs(setting) < 1e-3;
    return small ? Number(setting.toPrecision(3)).toExponential() : significant(setting);
  }
  if (Array.isArray(setting)) return `[${setting.map(value).join(", ")}]`;
  return String(setting);
}
