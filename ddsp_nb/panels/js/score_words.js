// What is under the pointer or the keys, said for eyes and for screen readers. `view` has { stages, score, shared }.
import { hertz, noteName } from "./page.js";
import { countOf, curveOf, isOn, lengthOf } from "./score_stages.js";

export const KEYS =
  "Keys: ← → stage, ↑ ↓ row, Enter plays it, T switches it, L loops, + − length, Page Up and Down curve, " +
  "Shift ← → moves, D doubles, Delete removes, R lets the rule run on, Ctrl Z takes back.";
export const HANDS =
  "Click a stage to hear it. Drag its end or its number; draw the curve below. Or press Tab until the map's keys stand here.";
export const HINT = { listen: "Click plays the stage", paint: "Click or paint switches", bands: "Paint whole bands" };

// What lies under the pointer, and what can be done with it.
export function hitInWords(hit, { stages, score, shared }) {
  if (hit.edge !== null) {
    const length = lengthOf(stages[hit.edge]).toFixed(2);
    return `End of stage ${hit.edge + 1}, ${length} s long. Drag: its length`;
  }
  if (hit.area === "axis") return `${hit.t.toFixed(2)} s. Click: play from here. Drag: loop these stages`;
  if (hit.stage === null) return "";
  if (hit.area === "lane") return `${curveInWords(hit.stage, { stages, shared })}. Draw to change`;
  if (hit.area === "head") return `${stageInWords(hit.stage, stages)}. Click: play it. Drag: move it`;
  return hit.area === "none" ? "" : `${cellInWords(hit, { stages, score })}. ${HINT[shared.tool]}`;
}

export function stageInWords(i, stages) {
  const stage = stages[i];
  const note = stage.note ? `, ${stage.note}` : "";
  const counts = `${countOf(stage.partials)} partials, ${countOf(stage.bands)} bands`;
  return `Stage ${i + 1} of ${stages.length}${note}, ${lengthOf(stage).toFixed(2)} s from ${stage.start.toFixed(2)} s, ${counts}`;
}

export function cellInWords({ stage: i, area, row }, { stages, score }) {
  const stage = stages[i];
  const state = isOn(stage[area], row) ? "on" : "off";
  const db = `${stage[`${area}_db`][row]} dB`.replace("-", "−");
  if (area === "bands") return `Stage ${i + 1}, band ${row + 1}, ${hertz(score.band_hz[row])}, ${db}, ${state}`;
  const hz = score.own_hz[row] ?? stage.hz * score.multiples[row];
  // A stage in a rest or a breath has no pitch.
  const pitch = !hz ? "" : `, ${hertz(hz)} (${noteName(hz)})`;
  return `Stage ${i + 1}, partial ${row + 1}${pitch}, ${db}, ${state}`;
}

export function curveInWords(i, { stages, shared }) {
  const curve = curveOf(shared.curve, stages);
  return `${curve.label} of stage ${i + 1}: ${curve.say(curve.of(stages[i]), stages[i])}`;
}
