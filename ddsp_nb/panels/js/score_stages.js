// The stages of a score, and what hands do to them. A stage: { start, stop } in s, { partials, bands } strings of 0 and 1,
// { level_db, sustain, harmonise, share } of what the timbre `becomes`, { pitch } as it is typed, and what is read out: { note, hz,
// partials_db, bands_db }.
// Nothing here changes its arguments.

// To which an edge can be dragged.
const SHORTEST_S = 0.05;

// Areas whose rows are switched, as against the heads of stages, the curve and the time axis.
export const isRow = (area) => area === "partials" || area === "bands";
export const isOn = (set, i) => set[i] === "1";
export const lengthOf = (stage) => stage.stop - stage.start;
export const countOf = (set) => set.split("1").length - 1;

// Critical bands of the ear are counted in Bark (Zwicker and Terhardt 1980).
const bark = (hz) => Math.floor(13 * Math.atan(0.00076 * hz) + 3.5 * Math.atan((hz / 7500) ** 2));
// A set with a row switched; by the tool "bands" with all partials that the ear hears in the same band.
export function withRow(set, { area, row }, on, { score: { own_hz: hz }, shared }) {
  const together = (i) => shared.tool === "bands" && area === "partials" && bark(hz[i]) === bark(hz[row]);
  return Array.from(set, (bit, i) => (i === row || together(i) ? Number(on) : bit)).join("");
}

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

// What can be drawn as a curve: its range, the value of a stage, a stage with another value, how it is said, and told to
// the kernel. Of a field of stages, in so many parts of one:
const drawn = (field, told, parts, about) => ({
  ...about,
  of: (stage) => stage[field],
  set: (stage, value) => ({ ...stage, [field]: Math.round(value * parts) / parts }),
  message: (stages) => ({ [told]: stages.map((stage) => stage[field]) }),
});
const SHARE = { low: 0, high: 1, step: 0.05 };
const sayDb = (value) => `${value.toFixed(1).replace("-", "−")} dB`;
const sayShare = (value, stage) => `${Math.round(100 * value)} % ${stage?.becomes ?? ""}`.trim();

const CURVES = {
  level: drawn("level_db", "levels_db", 2, { label: "Loudness", low: -48, high: 6, step: 1, say: sayDb }),
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
  sustain: drawn("sustain", "sustains", 100, { label: "Sustain", ...SHARE, say: (value) => value.toFixed(2) }),
  harmonise: drawn("harmonise", "harmonises", 100, { label: "Harmonise", ...SHARE, say: (value) => value.toFixed(2) }),
  timbre: drawn("share", "shares", 100, { label: "Timbre", ...SHARE, say: sayShare }),
};

// Those of a stage beside the map: name, words, and step of a field.
export const STRIP = [
  ["length", "Length (s)", 0.05],
  ["level", "Loudness (dB)", 0.5],
  ["sustain", "Sustain", 0.05],
  ["timbre", "Timbre", 0.05],
];

export const CURVE_NAMES = Object.entries(CURVES).map(([name, { label }]) => [name, `Draw: ${label.toLowerCase()}`]);

// The stages after stage i was given a value of a curve.
export const turned = (curve, stages, i, value) => {
  const changed = stages.with(i, curve.set(stages[i], value));
  return rearranged(changed, places(changed));
};

// A curve whose range holds all stages, with room above.
export function curveOf(name, stages) {
  const most = Math.max(...stages.map(CURVES[name].of));
  const high = name === "length" ? Math.max(1, Math.ceil(3 * most) / 2) : Math.max(CURVES[name].high, most);
  return { ...CURVES[name], high };
}
