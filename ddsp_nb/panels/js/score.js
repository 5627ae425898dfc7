// The score of a growth: stages as a map that is played and edited by hand. What is changed is drawn at once; the kernel
// is told when the hand lets go, and answers with the score that the plan then makes.
import { playbacks } from "./audio.js";
import { hertz, make, noteName, sharpContext } from "./page.js";
import { Geometry, paintMoving, paintStill } from "./score_paint.js";
import {
  countOf,
  curveOf,
  CURVE_NAMES,
  isOn,
  lengthOf,
  orderAfterMove,
  places,
  rearranged,
  resized,
  withBit,
} from "./score_stages.js";

const DRAG = 5; // pixels: less is a click
const STEP_DB = 1; // of a key
const STEP_S = 0.05;
const GRIDS = { "no grid": 0, "1/4": 1, "1/8": 1 / 2, "1/16": 1 / 4, "1/8 triplets": 1 / 3 }; // in beats
const KEYS =
  "Keys on the map: ← → stage, ↑ ↓ row, Enter plays the stage, T switches the row, L loops, + − length, " +
  "Page Up and Down loudness, Shift ← → moves, D doubles, Delete removes, Ctrl Z takes back.";
const HINT = { listen: "Click plays the stage", paint: "Click or paint switches" };

class View {
  constructor(model, el, shared) {
    Object.assign(this, { model, shared, frame: 0, drag: null, still: null });
    this.root = make("div", { className: "ddsp score", role: "group", "aria-label": "Score of the growth" });
    this.build();
    el.append(this.root);
    this.root.score = this; // for tests
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
    this.themes = new MutationObserver(() => this.draw());
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  }

  get score() {
    return this.model.get("score");
  }

  get stages() {
    return this.shared.draft ?? this.score.stages ?? [];
  }

  get playback() {
    return playbacks.get(this.model.get("player"));
  }

  build() {
    const button = (words, title, onclick) => make("button", { type: "button", onclick, title }, words);
    const select = (label, options, onchange) => {
      const element = make("select", { "aria-label": label, title: label });
      for (const [value, words] of options) element.append(new Option(words, value));
      element.onchange = () => onchange(element.value);
      return element;
    };
    this.play = make("button", { type: "button", className: "play", onclick: () => this.toggle() });
    this.loop = button(
      "⟲ Loop",
      "Loop the chosen stage, or what is dragged along the time axis; again ends it",
      () => this.loopChosen(),
    );
    this.live = make("input", { type: "checkbox", "aria-label": "Hear changes at once" });
    this.live.onchange = () => this.set("live", this.live.checked);
    this.tools = Object.entries({ listen: "☝ Listen", paint: "✎ Paint" }).map(([tool, words]) => {
      const element = button(words, `${HINT[tool]} on the map`, () => this.share({ tool }));
      element.dataset.tool = tool;
      return element;
    });
    this.undo = button("↶ Undo", "Ctrl Z", () => this.send("undo"));
    this.redo = button("↷ Redo", "Ctrl Shift Z", () => this.send("redo"));
    this.double = button("Double", "Another stage like the chosen one after it", () => this.duplicate());
    this.remove = button("Remove", "Take the chosen stage out", () => this.removeStage());
    this.grid = select(
      "Grid to which edges snap, in notes",
      Object.keys(GRIDS).map((name) => [name, name]),
      (name) => this.set("grid_beats", GRIDS[name]),
    );
    this.curve = select(
      "Curve that is drawn below the map",
      CURVE_NAMES.map(([name, label]) => [name, `Draw: ${label.toLowerCase()}`]),
      (curve) => this.share({ curve }),
    );
    this.canvas = make("canvas", {
      tabIndex: 0,
      role: "application",
      className: "score",
      "aria-label": `Map of the stages. ${KEYS}`,
    });
    this.words = make("div", { className: "words", role: "status", "aria-live": "polite" });
    this.root.append(
      make(
        "div",
        { className: "row" },
        this.play,
        this.loop,
        make("label", {}, this.live, "hear changes at once"),
        this.undo,
        this.redo,
      ),
      make("div", { className: "row" }, ...this.tools, this.double, this.remove, this.curve, this.grid),
      this.canvas,
      this.words,
    );
    this.listen();
  }

  // --- what is shared between views, and told to the kernel

  share(changes) {
    Object.assign(this.shared, changes);
    this.shared.views.forEach((view) => view.update());
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  send(type, more = {}) {
    this.model.send({ type, ...more });
  }

  // Show what was changed, and tell it; the draft stands until the kernel's own score is there.
  edit(stages, message) {
    this.share({ draft: stages });
    this.send("edit", message);
  }

  restage(order) {
    this.edit(rearranged(this.stages, order), { order });
  }

  // --- sound

  get fresh() {
    return this.model.get("fresh") && !this.shared.draft && Boolean(this.playback?.sounds.size);
  }

  toggle() {
    if (this.playback?.running) this.playback.pause();
    else if (this.fresh) this.playback.play();
    else this.render();
  }

  playStage(i) {
    const stage = this.stages[i];
    if (this.fresh) this.playback.playOnce(stage.start, stage.stop);
    else this.render({ stage: i });
  }

  // The player may never have been in sight; it then has to be told that its sound is wanted.
  render(more) {
    this.playback?.ask();
    this.send("play", more);
  }

  loopChosen() {
    if (this.shared.loop) return this.loopStages(null);
    const { stage } = this.chosen();
    this.loopStages([stage, stage]);
  }

  loopStages(loop) {
    this.share({ loop });
    this.send("loop", { stages: loop });
    const { playback } = this;
    if (!loop) return playback?.setLoop(null);
    if (!this.fresh) return this.render();
    playback.setLoop(this.loopSeconds());
    if (!playback.running) playback.play();
  }

  loopSeconds() {
    const { loop } = this.shared;
    const [first, last] = (loop ?? []).map((i) => this.stages[Math.min(i, this.stages.length - 1)]);
    return loop && first ? [first.start, last.stop] : null;
  }

  // --- pointer

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.canvas.onpointerdown = (event) => {
      if (event.button) return;
      this.canvas.setPointerCapture(event.pointerId);
      this.canvas.focus({ preventScroll: true });
      this.begin(at(event));
    };
    this.canvas.onpointermove = (event) => (this.drag ? this.move(at(event)) : this.hover(at(event)));
    this.canvas.onpointerup = (event) => this.finish(at(event));
    this.canvas.onpointercancel = () => this.giveUp();
    this.canvas.onpointerleave = () => this.drag || this.say("");
    this.root.onkeydown = (event) => this.key(event);
  }

  begin(point) {
    const hit = this.geometry.hit(point, this.stages);
    const paints = this.shared.tool === "paint" && ["partials", "bands"].includes(hit.area);
    const what = hit.edge !== null ? "edge" : hit.area === "lane" ? "curve" : paints ? "paint" : hit.area;
    const stages = this.stages;
    this.drag = { what, hit, from: point, last: hit, stages, geometry: this.geometry, moved: false };
    if (hit.stage !== null && ["partials", "bands"].includes(hit.area)) {
      this.share({ cursor: { stage: hit.stage, area: hit.area, row: hit.row } });
    } else if (hit.stage !== null) this.choose(hit.stage);
    if (what === "curve") this.drag.curve = curveOf(this.shared.curve, stages);
    if (what === "paint") this.drag.on = hit.stage === null || !isOn(stages[hit.stage][hit.area], hit.row);
    if (what === "curve" || what === "paint") this.move(point);
  }

  move(point) {
    const { drag } = this;
    drag.moved ||= Math.abs(point.x - drag.from.x) > DRAG;
    const hit = drag.geometry.hit(point, drag.stages);
    const act = { edge: this.dragEdge, head: this.dragStage, curve: this.drawCurve, paint: this.paintCells };
    act[drag.what]?.call(this, point, hit);
    drag.last = hit;
    this.draw();
  }

  dragEdge({ x }) {
    const { drag } = this;
    const grid = this.score.grid_s;
    const draft = resized(drag.stages, drag.hit.edge, drag.geometry.t(x), grid);
    this.share({ draft });
    this.say(`Stage ${drag.hit.edge + 1}: ${lengthOf(draft[drag.hit.edge]).toFixed(2)} s`);
  }

  dragStage(_, { t }) {
    const { drag } = this;
    if (!drag.moved || drag.hit.stage === null) return;
    const n = drag.stages.length;
    const middle = (stage) => (stage.start + stage.stop) / 2;
    const others = drag.stages.filter((_, i) => i !== drag.hit.stage);
    const to = others.filter((stage) => middle(stage) < t).length;
    drag.order = orderAfterMove(n, drag.hit.stage, to);
    this.share({ draft: rearranged(drag.stages, drag.order), cursor: { ...this.chosen(), stage: to } });
    this.say(`Stage ${drag.hit.stage + 1} becomes stage ${to + 1}`);
  }

  // A quick hand skips stages: those between two places of the pointer are given values between.
  drawCurve({ y }, hit) {
    const { drag } = this;
    const value = drag.geometry.value(drag.curve, y);
    const [from, to] = [drag.lastValue ?? { t: hit.t, value }, { t: hit.t, value }];
    const [first, last] = [Math.min(from.t, to.t), Math.max(from.t, to.t)];
    const span = to.t - from.t || 1;
    drag.drawn ??= [...drag.stages];
    drag.stages.forEach((stage, i) => {
      if (stage.stop <= first || stage.start > last) return;
      const middle = Math.min(last, Math.max(first, (stage.start + stage.stop) / 2));
      const share = (middle - from.t) / span;
      drag.drawn[i] = drag.curve.set(drag.drawn[i], from.value + share * (to.value - from.value));
    });
    drag.lastValue = to;
    this.share({ draft: drag.drawn });
    if (hit.stage !== null) this.say(this.curveInWords(hit.stage));
  }

  paintCells(_, hit) {
    const { drag } = this;
    if (hit.area !== drag.hit.area) return;
    const steps = Math.max(1, Math.abs(hit.row - drag.last.row));
    const painted = [...(this.shared.draft ?? drag.stages)];
    for (let n = 0; n <= steps; n++) {
      const t = drag.last.t + ((hit.t - drag.last.t) * n) / steps;
      const row = drag.last.row + Math.round(((hit.row - drag.last.row) * n) / steps);
      const [low, high] = [Math.min(t, drag.last.t), Math.max(t, drag.last.t)];
      painted.forEach((stage, i) => {
        if (stage.stop <= low || stage.start > high) return;
        painted[i] = { ...stage, [hit.area]: withBit(stage[hit.area], row, drag.on) };
      });
    }
    this.share({ draft: painted });
    if (hit.stage !== null) this.say(this.cellInWords({ ...hit }));
  }

  finish(point) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    const hit = drag.geometry.hit(point, drag.stages);
    const stages = this.shared.draft;
    const click = !drag.moved && hit.stage !== null;
    if (drag.what === "edge") {
      if (stages) this.edit(stages, { lengths_s: stages.map(lengthOf) });
    } else if (drag.what === "curve") {
      if (drag.drawn) this.edit(rearranged(drag.drawn, places(drag.drawn)), drag.curve.message(drag.drawn));
    } else if (drag.what === "paint") {
      if (stages) this.edit(stages, { [drag.hit.area]: stages.map((stage) => stage[drag.hit.area]) });
    } else if (drag.what === "head" && drag.order) this.edit(stages, { order: drag.order });
    else if (drag.what === "axis") this.dragAxis(drag, hit);
    else if (click) this.playStage(hit.stage);
  }

  giveUp() {
    this.drag = null;
    this.share({ draft: null });
  }

  // Along the time axis: a click moves the playhead, a drag loops the stages under it.
  dragAxis(drag, hit) {
    if (!drag.moved) return this.playback?.seek(hit.t);
    const [begin, end] = [Math.min(drag.hit.t, hit.t), Math.max(drag.hit.t, hit.t)];
    const inside = drag.stages.flatMap((stage, i) => (stage.stop > begin && stage.start < end ? [i] : []));
    if (inside.length) this.loopStages([inside[0], inside.at(-1)]);
  }

  // --- keys

  chosen() {
    const cursor = this.shared.cursor ?? { stage: 0, area: "partials", row: 0 };
    return { ...cursor, stage: Math.min(cursor.stage, this.stages.length - 1) };
  }

  choose(stage) {
    this.share({ cursor: { ...this.chosen(), stage } });
  }

  key(event) {
    const undo = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undo) this.send(event.shiftKey ? "redo" : "undo");
    else if (event.target !== this.canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!this.keyOnMap(event)) return;
    event.preventDefault();
    event.stopPropagation(); // or JupyterLab would take the key for a command
  }

  // Whether the key means something on the map.
  keyOnMap({ key, shiftKey }) {
    const { stage: i } = this.chosen();
    const n = this.stages.length;
    const aside = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: n - 1 }[key];
    const to = aside === undefined ? i : Math.min(n - 1, Math.max(0, aside));
    const acts = {
      " ": () => this.toggle(),
      Enter: () => this.playStage(i),
      t: () => this.switchCell(),
      l: () => this.loopChosen(),
      "+": () => this.lengthen(1),
      "-": () => this.lengthen(-1),
      PageUp: () => this.louder(STEP_DB),
      PageDown: () => this.louder(-STEP_DB),
      ArrowUp: () => this.step(1),
      ArrowDown: () => this.step(-1),
      d: () => this.duplicate(),
      Delete: () => this.removeStage(),
      Backspace: () => this.removeStage(),
    };
    const act = acts[key.length === 1 ? key.toLowerCase() : key];
    if (act) act();
    else if (aside === undefined) return false;
    else if (shiftKey && to !== i) {
      this.restage(orderAfterMove(n, i, to));
      this.choose(to);
    } else this.choose(to);
    if (!["t", " ", "Enter"].includes(key)) this.say(this.cellInWords(this.chosen()));
    return true;
  }

  // Up and down through the bands and then the partials.
  step(by) {
    const { stage, area, row } = this.chosen();
    const { n_partials: partials, n_bands: bands } = this.score;
    const at = (area === "bands" ? row : bands + row) + by;
    const within = Math.min(bands + partials - 1, Math.max(0, at));
    const cursor =
      within < bands ? { area: "bands", row: within } : { area: "partials", row: within - bands };
    this.share({ cursor: { stage, ...cursor } });
  }

  switchCell() {
    const { stage, area, row } = this.chosen();
    const stages = this.stages.map((s, i) =>
      i === stage ? { ...s, [area]: withBit(s[area], row, !isOn(s[area], row)) } : s,
    );
    this.edit(stages, { [area]: stages.map((s) => s[area]) });
    this.say(this.cellInWords(this.chosen()));
  }

  lengthen(sign) {
    const { stage } = this.chosen();
    const grid = this.score.grid_s;
    const stop = this.stages[stage].stop + sign * (grid || STEP_S);
    const stages = resized(this.stages, stage, stop, grid);
    this.edit(stages, { lengths_s: stages.map(lengthOf) });
  }

  louder(db) {
    const { stage } = this.chosen();
    const stages = this.stages.map((s, i) => (i === stage ? { ...s, level_db: s.level_db + db } : s));
    this.edit(stages, { levels_db: stages.map((s) => s.level_db) });
  }

  duplicate() {
    const { stage } = this.chosen();
    this.restage(places(this.stages).toSpliced(stage + 1, 0, stage));
    this.choose(stage + 1);
  }

  removeStage() {
    const { stage } = this.chosen();
    if (this.stages.length < 2) return this.say("A piece needs a stage.");
    this.restage(places(this.stages).toSpliced(stage, 1));
    this.choose(Math.max(0, stage - 1));
  }

  // --- words

  hover(point) {
    const hit = this.geometry?.hit(point, this.stages);
    if (!hit) return;
    const cursors = { head: "grab", lane: "crosshair", axis: "pointer" };
    const cell = this.shared.tool === "paint" ? "crosshair" : "pointer";
    this.canvas.style.cursor = hit.edge === null ? (cursors[hit.area] ?? cell) : "ew-resize";
    this.say(this.hitInWords(hit));
  }

  hitInWords(hit) {
    if (hit.edge !== null) {
      const length = lengthOf(this.stages[hit.edge]).toFixed(2);
      return `End of stage ${hit.edge + 1}, ${length} s long. Drag: its length`;
    }
    if (hit.area === "axis") return `${hit.t.toFixed(2)} s. Click: play from here. Drag: loop these stages`;
    if (hit.stage === null) return "";
    if (hit.area === "lane") return `${this.curveInWords(hit.stage)}. Draw to change`;
    if (hit.area === "head") return `${this.stageInWords(hit.stage)}. Click: play it. Drag: move it`;
    return hit.area === "none" ? "" : `${this.cellInWords(hit)}. ${HINT[this.shared.tool]}`;
  }

  stageInWords(i) {
    const stage = this.stages[i];
    const note = stage.note ? `, ${stage.note}` : "";
    const counts = `${countOf(stage.partials)} partials, ${countOf(stage.bands)} bands`;
    return `Stage ${i + 1} of ${this.stages.length}${note}, ${lengthOf(stage).toFixed(2)} s from ${stage.start.toFixed(2)} s, ${counts}`;
  }

  cellInWords({ stage: i, area, row }) {
    const stage = this.stages[i];
    const state = isOn(stage[area], row) ? "on" : "off";
    const db = `${stage[`${area}_db`][row]} dB`.replace("-", "−");
    if (area === "bands")
      return `Stage ${i + 1}, band ${row + 1}, ${hertz(this.score.band_hz[row])}, ${db}, ${state}`;
    const hz = stage.hz * this.score.multiples[row];
    return `Stage ${i + 1}, partial ${row + 1}, ${hertz(hz)} (${noteName(hz)}), ${db}, ${state}`;
  }

  curveInWords(i) {
    const curve = curveOf(this.shared.curve, this.stages);
    return `${curve.label} of stage ${i + 1}: ${curve.say(curve.of(this.stages[i]))}`;
  }

  say(text) {
    this.words.textContent = text || KEYS;
  }

  // --- picture

  update() {
    const { playback, model, shared } = this;
    if (playback) playback.watchers.add((this.watcher ??= () => this.update()));
    const running = Boolean(playback?.running);
    const words = running ? "■ Stop" : model.get("fresh") ? "▶ Play" : "▶ Render and play";
    if (this.play.textContent !== words) this.play.textContent = words;
    this.loop.setAttribute("aria-pressed", String(Boolean(shared.loop)));
    this.live.checked = model.get("live");
    this.undo.disabled = !model.get("can_undo");
    this.redo.disabled = !model.get("can_redo");
    for (const tool of this.tools)
      tool.setAttribute("aria-pressed", String(tool.dataset.tool === shared.tool));
    this.curve.value = shared.curve;
    this.grid.value = Object.keys(GRIDS).find((name) => GRIDS[name] === model.get("grid_beats")) ?? "no grid";
    if (!this.words.textContent) this.say("");
    this.draw();
  }

  draw() {
    if (!this.frame && this.root.isConnected) this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    const { score, stages, canvas, playback, shared } = this;
    if (!stages.length || !canvas.clientWidth) return;
    const geometry = this.drag?.geometry ?? new Geometry(canvas.clientWidth, this.spanned());
    this.geometry = geometry;
    canvas.style.height = `${geometry.height}px`;
    const { context: g, width } = sharpContext(canvas);
    const style = getComputedStyle(canvas);
    const [ink, edge, paper] = ["--ink", "--edge", "--paper"].map((name) =>
      style.getPropertyValue(name).trim(),
    );
    const key = [width, devicePixelRatio, ink, paper, shared.curve].join(" ");
    if (this.still?.key !== key || this.still.stages !== stages || this.still.score !== score) {
      const picture = new OffscreenCanvas(canvas.width, canvas.height);
      const still = picture.getContext("2d");
      still.setTransform(g.getTransform());
      const curve = this.drag?.curve ?? curveOf(shared.curve, stages);
      paintStill(still, geometry, score, stages, { curve, ink, edge, paper });
      this.still = { key, stages, score, picture };
    }
    g.drawImage(this.still.picture, 0, 0, geometry.width, geometry.height);
    const at = this.fresh ? playback.position() : null;
    const loop = this.loopSeconds();
    paintMoving(g, geometry, stages, { cursor: shared.cursor && this.chosen(), loop, at, ink });
    if (playback?.running) this.draw();
  }

  // The score with the length of what is drafted.
  spanned() {
    const end = Math.max(...this.stages.map((stage) => stage.stop));
    return this.shared.draft ? { ...this.score, length_s: Math.max(end, this.score.length_s) } : this.score;
  }

  leave() {
    this.sizes.disconnect();
    this.themes.disconnect();
    this.playback?.watchers.delete(this.watcher);
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

export default () => {
  const shared = { views: new Set(), draft: null, cursor: null, tool: "listen", curve: "level", loop: null };
  const update = () => shared.views.forEach((view) => view.update());
  return {
    initialize({ model }) {
      model.on("change:score", () => {
        shared.draft = null;
        update();
      });
      for (const name of ["fresh", "live", "can_undo", "can_redo", "grid_beats"])
        model.on(`change:${name}`, update);
      model.on("msg:custom", ({ type }) => {
        if (type !== "refused") return;
        shared.draft = null; // the kernel could make no plan of it
        update();
      });
    },
    render({ model, el }) {
      const view = new View(model, el, shared);
      shared.views.add(view);
      view.update();
      return () => {
        view.leave();
        shared.views.delete(view);
      };
    },
  };
};
