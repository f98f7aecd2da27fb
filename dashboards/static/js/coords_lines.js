// The lines of the parallel coordinates in typed arrays, so that a brush asks 10,000 of them within a millisecond.

export const TONES = 48;
const FADED = -2, PLAIN = -1; // tones of a line that the brushes hold back, and of one without a score

/** The lines of `rows`: a place per axis (NaN: not set), a tone, and whether the brushes let it through. */
export function linesOf(rows, axes, scale) {
  const count = rows.length, width = axes.length;
  const at = new Float32Array(count * width), tones = new Int8Array(count), on = new Uint8Array(count).fill(1);
  const ids = rows.map((row) => row.id), where = new Map();

  function set(i, row) {
    axes.forEach((axis, a) => (at[i * width + a] = axis.place(axis.objective ? row.score : row.values[axis.key]) ?? NaN));
    tones[i] = row.score == null || !Number.isFinite(row.score) ? PLAIN : Math.round(scale(row.score) * TONES);
  }
  rows.forEach((row, i) => {
    where.set(row.id, i);
    set(i, row);
  });

  /** Note which lines the brushes (axis key -> [low, high]) let through; how many do. */
  function judge(brushes) {
    const wanted = [...brushes].map(([key, ends]) => [axes.findIndex((axis) => axis.key === key), ...ends]).filter(([axis]) => axis >= 0);
    on.fill(1);
    for (const [axis, low, high] of wanted) {
      for (let i = 0, k = axis; i < count; i++, k += width) if (!(at[k] >= low && at[k] <= high)) on[i] = 0;
    }
    return on.reduce((sum, one) => sum + one, 0);
  }

  /** The lines as [tone, lines], the best last and so on top; with `through` every `step`th of those that pass. */
  function byTone({ step = 1, through = false } = {}) {
    const groups = new Map();
    for (let i = 0, seen = 0; i < count; i++) {
      if (through && (!on[i] || seen++ % step)) continue;
      const tone = on[i] ? tones[i] : FADED;
      const group = groups.get(tone);
      if (group) group.push(i);
      else groups.set(tone, [i]);
    }
    return [...groups].sort(([a], [b]) => a - b);
  }

  /** Whether some line has no value on this axis. */
  function unset(axis) {
    for (let k = axis; k < at.length; k += width) if (Number.isNaN(at[k])) return true;
    return false;
  }

  const passing = () => new Set(ids.filter((_, i) => on[i]));
  return { count, width, at, tones, on, where, set, judge, byTone, passing, gaps: axes.map((_, a) => unset(a)) };
}

/** Groups by tone, cut so that a part has at most `most` lines. */
export function cut(groups, most) {
  const parts = [[]];
  let room = most;
  for (const [tone, group] of groups) {
    for (let from = 0; from < group.length; ) {
      if (!room) {
        parts.push([]);
        room = most;
      }
      const taken = group.slice(from, from + room);
      parts[parts.length - 1].push([tone, taken]);
      from += taken.length;
      room -= taken.length;
    }
  }
  return parts;
}
