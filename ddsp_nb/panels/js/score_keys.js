// What keys do on a score, so that everything on it can be done without a pointer.
import { isOn, lengthOf, orderAfterMove, resized, withBit } from "./score_stages.js";
import { cellInWords } from "./score_words.js";

const STEP_DB = 1; // of a key
const STEP_S = 0.05;

export class Keys {
  constructor(view) {
    this.view = view;
    view.root.onkeydown = (event) => this.key(event);
  }

  key(event) {
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undo) this.view.send(event.shiftKey ? "redo" : "undo");
    else if (event.target !== this.view.canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!this.keyOnMap(event)) return;
    event.preventDefault();
    event.stopPropagation(); // or JupyterLab would take the key for a command
  }

  // Whether the key means something on the map.
  keyOnMap({ key, shiftKey }) {
    const { stage: i } = this.view.chosen();
    const n = this.view.stages.length;
    const aside = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: n - 1 }[key];
    const to = aside === undefined ? i : Math.min(n - 1, Math.max(0, aside));
    const acts = {
      " ": () => this.view.toggle(),
      Enter: () => this.view.playStage(i),
      t: () => this.switchCell(),
      l: () => this.view.loopChosen(),
      "+": () => this.lengthen(1),
      "-": () => this.lengthen(-1),
      PageUp: () => this.louder(STEP_DB),
      PageDown: () => this.louder(-STEP_DB),
      ArrowUp: () => this.step(1),
      ArrowDown: () => this.step(-1),
      d: () => this.view.duplicate(),
      Delete: () => this.view.removeStage(),
      Backspace: () => this.view.removeStage(),
    };
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (act) act();
    else if (aside === undefined) return false;
    else if (shiftKey && to !== i) {
      this.view.restage(orderAfterMove(n, i, to));
      this.view.choose(to);
    } else this.view.choose(to);
    if (!["t", " ", "Enter"].includes(key)) this.view.say(cellInWords(this.view.chosen(), this.view));
    return true;
  }

  // Up and down through the bands and then the partials.
  step(by) {
    const { stage, area, row } = this.view.chosen();
    const { n_partials: partials, n_bands: bands } = this.view.score;
    const at = (area === "bands" ? row : bands + row) + by;
    const within = Math.min(bands + partials - 1, Math.max(0, at));
    const cursor = within < bands ? { area: "bands", row: within } : { area: "partials", row: within - bands };
    this.view.share({ cursor: { stage, ...cursor } });
  }

  switchCell() {
    const { stage, area, row } = this.view.chosen();
    const stages = this.view.stages.map((s, i) =>
      i === stage ? { ...s, [area]: withBit(s[area], row, !isOn(s[area], row)) } : s,
    );
    this.view.edit(stages, { [area]: stages.map((s) => s[area]) });
    this.view.say(cellInWords(this.view.chosen(), this.view));
  }

  lengthen(sign) {
    const { stage } = this.view.chosen();
    const grid = this.view.score.grid_s;
    const stop = this.view.stages[stage].stop + sign * (grid || STEP_S);
    const stages = resized(this.view.stages, stage, stop, grid);
    this.view.edit(stages, { lengths_s: stages.map(lengthOf) });
  }

  louder(db) {
    const { stage } = this.view.chosen();
    const stages = this.view.stages.map((s, i) => (i === stage ? { ...s, level_db: s.level_db + db } : s));
    this.view.edit(stages, { levels_db: stages.map((s) => s.level_db) });
  }
}
