// The stages of a score, and what hands do to them. A stage: { start, stop } in s, { partials, bands } strings of 0 and 1,
// { level_db, sustain, share } of what the timbre `becomes`, and what is read out: { note, hz, partials_db, bands_db }.
// Nothing here changes its arguments.

// To which an edge can be dragged.
const SHORTEST_S = 0.05;

// Areas whose rows are switched, as against the heads of stages, the curve and the time axis.
export const isRow = (area) => area === "partials" || area === "bands";
export const isOn = (set, i) => set[i] === "1";
export const withBit = (set, i, on) => set.slice(0, i) + Number(on) + set.slice(i + 1);
export const lengthOf = (stage) => stage.stop - stage.start;
export const countOf = (set) => set.split("1").length - 1;

// Silence after each stage but the last; below 0 where they overlap.
const gapsOf = (stages) => stages.slice(1).map((stage, i) => stage.start - stages[i].stop);

function laidOut(stages, origin, gaps) {
  let start = origin;
  return stages.map((stage, i) => {
    const placed = { ...stage, start, stop: start + lengthOf(stage) };
    start = placed.stop + (gaps[Math.min(i, gaps.length - 1)] ?? 0);
    return placed;
  });
}

// Stages in another order: `order` names them by their old places; one may come twice, or not at all.
export const rearranged = (stages, order) =>
  laidOut(
    order.map((i) => stages[i]),
    stages[0].start,
    gapsOf(stages),
  );

export const places = (stages) => stages.map((_, i) => i);

export const orderAfterMove = (stages, from, to) => places(stages).toSpliced(from, 1).toSpliced(to, 0, from);

// Stages of which one is another.
export const replaced = (stages, i, change) => stages.with(i, { ...stages[i], ...change });

// Stage i ends at `stop`, and later ones follow. On a grid it is the next stage's beginning that snaps.
export function resized(stages, i, stop, gridS) {
  const gaps = gapsOf(stages);
  const gap = gaps[i] ?? gaps[0] ?? 0;
  const origin = stages[0].start;
  const snap = (t) => origin + Math.round((t - origin) / gridS) * gridS;
  const snapped = gridS ? snap(stop + gap) - gap : stop;
  const least = gridS ? gridS - gap : SHORTEST_S;
  const length = Math.max(snapped - stages[i].start, least > 0 ? least : SHORTEST_S);
  return laidOut(replaced(stages, i, { stop: stages[i].start + length }), origin, gaps);
}

// What can be drawn as a curve: its range, the value of a stage, a stage with another value, and how it is said.
const CURVES = {
  level: {
    label: "Loudness",
    low: -48,
    high: 6,
    of: (stage) => stage.level_db,
    set: (stage, value) => ({ ...stage, level_db: Math.round(value * 2) / 2 }),
    step: 1,
    say: (value) => `${value.toFixed(1).replace("-", "−")} dB`,
    message: (stages) => ({ levels_db: stages.map((stage) => stage.level_db) }),
  },
  length: {
    label: "Length",
    low: 0,
    // Or more, see curveOf.
    high: 1,
    of: lengthOf,
    set: (stage, value) => ({ ...stage, stop: stage.start + Math.max(SHORTEST_S, Math.round(value * 100) / 100) }),
    say: (value) => `${value.toFixed(2)} s`,
    message: (stages) => ({ lengths_s: stages.map(lengthOf) }),
  },
  sustain: {
    label: "Sustain",
    low: 0,
    high: 1,
    of: (stage) => stage.sustain,
    set: (stage, value) => ({ ...stage, sustain: Math.round(value * 100) / 100 }),
    step: 0.05,
    say: (value) => value.toFixed(2),
    message: (stages) => ({ sustains: stages.map((stage) => stage.sustain) }),
  },
  timbre: {
    label: "Timbre",
    low: 0,
    high: 1,
    of: (stage) => stage.share,
    set: (stage, value) => ({ ...stage, share: Math.round(value * 100) / 100 }),
    step: 0.05,
    say: (value, stage) => `${Math.round(100 * value)} % ${stage?.becomes ?? ""}`.trim(),
    message: (stages) => ({ shares: stages.map((stage) => stage.share) }),
  },
};

export const CURVE_NAMES = Object.entries(CURVES).map(([name, { label }]) => [name, `Draw: ${label.toLowerCase()}`]);

// A curve whose range holds all stages, with room above.
export function curveOf(name, stages) {
  const most = Math.max(...stages.map(CURVES[name].of));
  const high = name === "length" ? Math.max(1, Math.ceil(3 * most) / 2) : Math.max(CURVES[name].high, most);
  return { ...CURVES[name], high };
}
