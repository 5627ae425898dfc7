// What keys do on a score, so that everything on it can be done without a pointer.
import { within } from "./math.js";
import { claim } from "./page.js";
import { curveOf, isOn, lengthOf, orderAfterMove, replaced, resized, turned, withRow } from "./score_stages.js";
import { cellInWords } from "./score_words.js";

// Of one press.
const STEP_S = 0.05;

export function listenToKeys(view) {
  view.root.onkeydown = (event) => {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    const undo = (ctrlKey || metaKey) && key.toLowerCase() === "z" && event.target.type !== "text";
    if (undo) view.send(shiftKey ? "redo" : "undo");
    else if (ctrlKey || metaKey || altKey) return;
    // In a field a key writes; JupyterLab would take it for a command.
    else if (event.target !== view.canvas) return event.stopPropagation();
    else if (!pressOnMap(view, event)) return;
    claim(event);
  };
}

const ACTS = {
  " ": (view) => view.toggle(),
  Enter: (view, i) => view.playStage(i),
  t: switchCell,
  l: (view) => view.loopChosen(),
  "+": (view, i) => lengthen(view, i, 1),
  "-": (view, i) => lengthen(view, i, -1),
  PageUp: (view, i) => raise(view, i, 1),
  PageDown: (view, i) => raise(view, i, -1),
  ArrowUp: (view) => step(view, 1),
  ArrowDown: (view) => step(view, -1),
  d: (view) => view.duplicate(),
  r: (view) => view.runOn(),
  Delete: (view) => view.removeStage(),
  Backspace: (view) => view.removeStage(),
};

// Whether the key means something on the map.
function pressOnMap(view, { key, shiftKey }) {
  const { stage: i } = view.chosen();
  const last = view.stages.length - 1;
  const aside = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: last }[key];
  const act = ACTS[key.length === 1 ? key.toLowerCase() : key];
  if (act) act(view, i);
  else if (aside === undefined) return false;
  else {
    const to = within(aside, 0, last);
    if (shiftKey && to !== i) view.restage(orderAfterMove(view.stages, i, to));
    view.choose(to);
  }
  if (!["t", " ", "Enter"].includes(key)) view.say(cellInWords(view.chosen(), view));
  return true;
}

// Up and down through the bands and then the partials.
function step(view, by) {
  const { stage, area, row } = view.chosen();
  const { n_partials: partials, n_bands: bands } = view.score;
  const at = within((area === "bands" ? row : bands + row) + by, 0, bands + partials - 1);
  const place = at < bands ? { area: "bands", row: at } : { area: "partials", row: at - bands };
  view.share({ cursor: { stage, ...place } });
}

function switchCell(view, i) {
  const { area, row } = view.chosen();
  const set = view.stages[i][area];
  const stages = replaced(view.stages, i, { [area]: withRow(set, { area, row }, !isOn(set, row), view) });
  view.edit(stages, { [area]: stages.map((stage) => stage[area]) });
  view.say(cellInWords(view.chosen(), view));
}

function lengthen(view, i, sign) {
  const grid = view.score.grid_s;
  const stages = resized(view.stages, i, view.stages[i].stop + sign * (grid || STEP_S), grid);
  view.edit(stages, { lengths_s: stages.map(lengthOf) });
}

// Lengths have keys of their own, so with them it is loudness.
function raise(view, i, sign) {
  const { curve: drawn } = view.shared;
  const curve = curveOf(drawn === "length" ? "level" : drawn, view.stages);
  const stages = turned(curve, view.stages, i, curve.of(view.stages[i]) + sign * curve.step);
  view.edit(stages, curve.message(stages));
}
