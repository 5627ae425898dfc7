// The score of a growth: stages as a map that is played and edited by hand. What is changed is drawn at once; the kernel
// is told when the hand lets go, and answers with the score that the plan then makes.
import { playbacks } from "./audio.js";
import { field } from "./controls.js";
import { within } from "./math.js";
import { CanvasView, caption, choice, make, sharpContext, turning } from "./page.js";
import { listenToKeys } from "./score_keys.js";
import { Geometry, paintMoving, paintStill } from "./score_paint.js";
import { Pointer } from "./score_pointer.js";
import { curveOf, CURVE_NAMES, places, rearranged, replaced, STRIP, turned } from "./score_stages.js";
import { HANDS, HINT, KEYS } from "./score_words.js";

const GRIDS_BEATS = [
  [0, "no grid"],
  [1, "1/4"],
  [1 / 2, "1/8"],
  [1 / 4, "1/16"],
  [1 / 3, "1/8 triplets"],
];
const TOOLS = { listen: "☝ Listen", paint: "✎ Paint", bands: "▤ Paint bands" };
const LOOP = "Loop the chosen stage, or what is dragged along the time axis; again ends it";

class View extends CanvasView {
  constructor(model, el, shared) {
    super();
    Object.assign(this, { model, shared, still: null });
    this.build();
    this.pointer = new Pointer(this);
    listenToKeys(this);
    this.appear(el, shared.views);
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
    const button = (words, title, onclick) => caption(make("button", { type: "button", onclick, title }), words);
    this.play = make("button", { type: "button", className: "play", onclick: () => this.toggle() });
    this.loop = button("⟲ Loop", LOOP, () => this.loopChosen());
    this.live = make("input", { type: "checkbox", "aria-label": "Hear changes at once" });
    this.live.onchange = () => this.set("live", this.live.checked);
    this.tools = Object.entries(TOOLS).map(([tool, words]) => {
      const element = button(words, `${HINT[tool]} on the map`, () => this.share({ tool }));
      element.dataset.tool = tool;
      return element;
    });
    this.undo = button("↶ Undo", "Ctrl Z", () => this.send("undo"));
    this.redo = button("↷ Redo", "Ctrl Shift Z", () => this.send("redo"));
    const double = button("Double", "Another stage like the chosen one after it", () => this.duplicate());
    const remove = button("Remove", "Take the chosen stage out", () => this.removeStage());
    const run = button("Let it run on", "From the chosen stage on the rule goes its own way", () => this.runOn());
    this.full = button("", "The panel without code; again, or Escape, leaves", () => this.fill());
    // Some programs that show notebooks do not let them.
    this.full.hidden = !document.fullscreenEnabled;
    const snap = (beats) => this.set("grid_beats", Number(beats));
    this.grid = choice("Grid to which edges snap, in notes", GRIDS_BEATS, snap);
    this.curve = choice("Curve that is drawn below the map", CURVE_NAMES, (curve) => this.share({ curve }));
    this.canvas = make("canvas", {
      tabIndex: 0,
      role: "application",
      className: "score",
      "aria-label": `Map of the stages. ${KEYS}`,
    });
    this.strip = this.buildStrip();
    this.words = make("div", { className: "words", role: "status", "aria-live": "polite" });
    const live = make("label", {}, this.live, "hear changes at once");
    const row = (...children) => make("div", { className: "row" }, ...children);
    this.root = make(
      "div",
      { className: "ddsp score", role: "group", "aria-label": "Score of the growth" },
      row(this.play, this.loop, live, this.undo, this.redo, ...this.tools, this.curve, this.grid, this.full),
      this.canvas,
      row(...this.strip.map(({ element }) => element), double, remove, run),
      this.words,
    );
    // For tests.
    this.root.score = this;
  }

  // Fields of what belongs to the chosen stage; a change is told as if it was drawn.
  buildStrip() {
    const made = (label, attributes, turn, read) => field({ look: { label }, turn }, attributes, read);
    const number = (label, bounds, turn) => made(label, { type: "number", ...bounds }, turn, Number);
    const stage = number("Stage", { min: 1 }, (n) => this.choose(within(n, 1, this.stages.length) - 1));
    const setPitch = (pitch) => {
      const stages = replaced(this.stages, this.chosen().stage, { pitch });
      this.edit(stages, { pitches: stages.map((each) => each.pitch) });
    };
    const note = made("Plays", { type: "text", size: 6, title: "A4, 440Hz, phrase or held" }, setPitch, String);
    const drawn = STRIP.map(([name, label, step]) => {
      const set = (value) => {
        const curve = curveOf(name, this.stages);
        const stages = turned(curve, this.stages, this.chosen().stage, value);
        this.edit(stages, curve.message(stages));
      };
      const { element, show } = number(label, { step }, set);
      const showStage = (i) => {
        element.hidden = name === "timbre" && !this.stages[i].becomes;
        show({ value: Number(curveOf(name, this.stages).of(this.stages[i]).toFixed(3)) });
      };
      return { element, show: showStage };
    });
    return [
      { element: stage.element, show: (i) => stage.show({ value: i + 1 }) },
      { element: note.element, show: (i) => note.show({ value: this.stages[i].pitch }) },
      ...drawn,
    ];
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
    if (["undo", "redo"].includes(type)) turning.add(this.shared);
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
    const heard = this.model.get("fresh") && !this.shared.draft && Boolean(this.playback?.sounds.size);
    // What the kernel has not answered may change the piece.
    return heard && !turning.size;
  }

  // All that stands around the map.
  get panel() {
    return this.root.closest(".jp-OutputArea-output") ?? this.root;
  }

  fill() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.panel.requestFullscreen();
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

  // --- the chosen stage, and what is done with it

  chosen() {
    const cursor = this.shared.cursor ?? { stage: 0, area: "partials", row: 0 };
    return { ...cursor, stage: Math.min(cursor.stage, this.stages.length - 1) };
  }

  choose(stage) {
    this.share({ cursor: { ...this.chosen(), stage } });
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

  // What stands before stays; the draft is dropped once the kernel tells what the rule makes of it.
  runOn() {
    this.edit(this.stages, { run_on: this.chosen().stage });
  }

  say(text) {
    this.words.textContent = text || (document.activeElement === this.canvas ? KEYS : HANDS);
    this.words.title = this.words.textContent;
  }

  // --- picture

  update() {
    const { playback, model, shared } = this;
    playback?.watchers.add((this.watcher ??= () => this.update()));
    if (playback) playback.lead = () => this.toggle();
    Object.assign(this.panel, { onkeydown: this.root.onkeydown, onfullscreenchange: () => this.update() });
    this.full.textContent = document.fullscreenElement ? "Leave full window" : "Full window";
    const running = Boolean(playback?.running);
    const words = running ? "■ Stop" : model.get("fresh") ? "▶ Play" : "▶ Render and play";
    caption(this.play, words);
    this.loop.setAttribute("aria-pressed", Boolean(shared.loop));
    this.live.checked = model.get("live");
    this.undo.disabled = !model.get("can_undo");
    this.redo.disabled = !model.get("can_redo");
    this.tools.forEach((tool) => tool.setAttribute("aria-pressed", tool.dataset.tool === shared.tool));
    this.tools[2].hidden = !this.score.own_hz?.length;
    this.curve.value = shared.curve;
    this.grid.value = model.get("grid_beats");
    this.grid.hidden = !this.score.bar_s;
    if (this.stages.length) this.strip.forEach(({ show }) => show(this.chosen().stage));
    if (!this.words.textContent) this.say("");
    this.draw();
  }

  paint() {
    const { score, stages, canvas, playback, shared } = this;
    if (!stages.length || !canvas.clientWidth) return;
    const geometry = this.pointer.drag?.geometry ?? new Geometry(canvas.clientWidth, this.spanned());
    this.geometry = geometry;
    canvas.style.height = `${geometry.height}px`;
    const { context: g, width } = sharpContext(canvas);
    const style = getComputedStyle(canvas);
    const [ink, edge, paper] = ["--ink", "--edge", "--paper"].map((name) => style.getPropertyValue(name));
    const key = [width, devicePixelRatio, ink, paper, shared.curve].join(" ");
    if (this.still?.key !== key || this.still.stages !== stages || this.still.score !== score) {
      const picture = new OffscreenCanvas(canvas.width, canvas.height);
      const still = picture.getContext("2d");
      still.setTransform(g.getTransform());
      const curve = this.pointer.drag?.curve ?? curveOf(shared.curve, stages);
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
}

export default () => {
  const shared = { views: new Set(), draft: null, cursor: null, tool: "listen", curve: "level", loop: null };
  const update = () => shared.views.forEach((view) => view.update());
  const dropDraft = () => {
    shared.draft = null;
    turning.delete(shared);
    update();
  };
  return {
    initialize({ model }) {
      model.on("change:score", dropDraft);
      // Refused is what the kernel can make no plan of.
      model.on("msg:custom", ({ type }) => type === "refused" && dropDraft());
      for (const name of ["fresh", "live", "can_undo", "can_redo", "grid_beats"]) model.on(`change:${name}`, update);
    },
    render({ model, el }) {
      const view = new View(model, el, shared);
      return () => {
        view.playback?.watchers.delete(view.watcher);
        view.leave();
      };
    },
  };
};
