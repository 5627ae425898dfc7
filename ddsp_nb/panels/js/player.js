// The player: versions of one sound over their spectrogram or waveform, with a playhead that can be taken hold of.
import { playbacks } from "./audio.js";
import { BlindBar } from "./blind.js";
import { ordered, within } from "./math.js";
import { CanvasView, caption, choice, claim, floatsOf, hertz, make, noteName, pointOn, sharpContext } from "./page.js";
import { Playback } from "./playback.js";
import { Slide } from "./slide.js";
import { picture, spectra } from "./spectrogram.js";

const ARROW_S = 0.5;
// Shorter drags are clicks.
const LEAST_LOOP_S = 0.05;
const TIME_AXIS_PX = 16;
const [SILENT_DB, SILENCE] = [-100, "No sound here yet."];
const OCTAVES_FROM_HZ = 25;
const TICKS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60];
const OCTAVE_TICKS_HZ = [50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const CHOICES = {
  view: ["Picture", { spectrogram: "Spectrogram", waveform: "Waveform" }],
  scale: ["Frequency axis", { linear: "in Hz", log: "in octaves" }],
  nFft: ["Window", { 512: "12 ms", 1024: "23 ms", 2048: "46 ms", 4096: "93 ms", 8192: "186 ms" }],
};
// Told apart by any eye, on black as on violet.
const PITCH_COLOURS = ["#27d3f5", "#ffb000", "#7ee081"];
const TOUCHED = "Move over the picture from left to right, and press to hear it. Space plays; arrows move the slider.";
// Seen on white as on black.
const WAVE = "#2f7ec0";
const GONE_AFTER_MS = 4000;
const GONE = "No sound came: the kernel was stopped. Run this cell again (Run → Run All Cells).";

class View extends CanvasView {
  constructor(model, el, state) {
    super();
    Object.assign(this, { state, playback: state.playback, drag: null, hover: null });
    this.options = model.get("options");
    this.shown = { view: this.options.view, scale: this.options.scale, nFft: this.options.n_fft };
    if (this.options.blind) this.blind = new BlindBar(this, (message) => model.send(message));
    if (this.options.slide) this.slide = new Slide(this, this.options.slide);
    this.build();
    this.listen();
    this.appear(el, state.views);
    // A player in sight asks for its sounds. A busy page tells several changes at once, the oldest first.
    const seen = (changes) => changes.some(({ isIntersecting }) => isIntersecting) && this.ask();
    this.sight = new IntersectionObserver(seen, { rootMargin: "800px" });
    this.sight.observe(this.root);
  }

  build() {
    const { label, height } = this.options;
    this.play = make("button", { className: "play", hidden: this.options.led, onclick: () => this.toggle() });
    this.versions = make("span", { className: "row" });
    this.clock = make("span", { className: "words" });
    this.canvas = make("canvas", {
      className: "player",
      tabIndex: 0,
      role: "slider",
      "aria-label": "Position in seconds. Space plays, arrows move, digits choose a version",
      "aria-valuemin": "0",
      "aria-valuenow": "0",
    });
    this.canvas.style.height = `${height + TIME_AXIS_PX}px`;
    this.words = make("span", { className: "words", role: "status" }, "…");
    this.unloop = make("button", { onclick: () => this.playback.setLoop(null) }, "End the loop");
    const lists = Object.entries(CHOICES).map(([name, [about, words]]) => {
      const select = choice(about, Object.entries(words), (value) => {
        this.shown[name] = name === "nFft" ? Number(value) : value;
        this.draw();
      });
      select.value = this.shown[name];
      return select;
    });
    const view = make("details", {}, caption(make("summary"), "⚙ View"), ...lists);
    this.root = make(
      "div",
      { className: "ddsp player", role: "group", "aria-label": `Player: ${label}` },
      make("div", { className: "row" }, this.play, this.versions, this.unloop, this.clock),
      this.canvas,
      make("div", { className: "row" }, view, this.words),
    );
    for (const bar of [this.slide, this.blind]) if (bar) this.root.append(bar.root);
    // For tests.
    this.root.playback = this.playback;
  }

  listen() {
    const { canvas, playback } = this;
    const at = (event) => {
      const { x, y } = pointOn(canvas, event);
      return { t: within(x / canvas.clientWidth, 0, 1) * playback.length, y };
    };
    canvas.onpointerdown = (event) => {
      this.drag = at(event).t;
      canvas.setPointerCapture(event.pointerId);
    };
    canvas.onpointermove = (event) => {
      this.hover = at(event);
      const { t } = this.hover;
      if (this.drag !== null && Math.abs(t - this.drag) > LEAST_LOOP_S) this.dragged = ordered(this.drag, t);
      this.draw();
    };
    canvas.onpointerup = (event) => {
      if (this.dragged) playback.setLoop(this.dragged);
      else if (this.drag !== null) playback.seek(at(event).t);
      this.drag = this.dragged = null;
    };
    canvas.onpointerleave = () => {
      this.hover = null;
      this.draw();
    };
    this.root.onkeydown = (event) => this.key(event);
    this.slide?.listen(this);
  }

  key(event) {
    const { playback } = this;
    const { key, target } = event;
    const ofControl = ["SELECT", "INPUT"].includes(target.tagName) && !(target === this.slide?.slider && key === " ");
    if (ofControl) event.stopPropagation();
    if (ofControl || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: -ARROW_S, ArrowRight: ARROW_S }[key];
    const version = [...playback.sounds.keys()][Number(key) - 1];
    if (key === " " && !["BUTTON", "SUMMARY"].includes(target.tagName)) this.toggle();
    else if (move) playback.seek(playback.position() + move * (event.shiftKey ? 4 : 1));
    else if (key === "Home") playback.seek(0);
    else if (key === "Escape") playback.setLoop(null);
    else if (version) playback.choose(version);
    else if (this.blind && "AaBb".includes(key)) this.blind.answer(key.toUpperCase());
    else return;
    claim(event);
  }

  toggle() {
    const { playback } = this;
    if (playback.running) playback.pause();
    else if (playback.lead) playback.lead();
    else playback.play();
  }

  ask() {
    this.sight.disconnect();
    this.playback.ask();
    this.update();
  }

  say(text, wrong = false) {
    this.words.textContent = text;
    this.words.classList.toggle("wrong", wrong);
  }

  update() {
    const { playback } = this;
    caption(this.play, playback.running ? "⏸ Pause" : "▶ Play");
    this.play.disabled = !playback.sounds.size;
    this.unloop.hidden = !playback.loop || this.slide?.counts;
    const names = [...playback.sounds.keys()];
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      const version = (name) => make("button", { onclick: () => playback.choose(name) }, name);
      this.versions.replaceChildren(...(this.slide ? [] : names.length > 1 ? names.map(version) : names));
      if (names.length) this.say(this.slide?.counts ? TOUCHED : "Click to move, drag to loop; Space plays.");
    }
    for (const each of this.versions.querySelectorAll("button"))
      each.setAttribute("aria-pressed", each.textContent === playback.now);
    this.blind?.update();
    this.draw();
  }

  // Name of the version that the picture is of: X must not be seen.
  get pictured() {
    return this.blind ? "A" : this.playback.now;
  }

  paint() {
    const { playback } = this;
    const { context, width, height } = sharpContext(this.canvas);
    context.font = "11px sans-serif";
    const plot = { width, height: height - TIME_AXIS_PX };
    const length = playback.length;
    const style = getComputedStyle(this.root);
    [this.ink, this.paper] = ["--ink", "--paper"].map((name) => style.getPropertyValue(name));
    this.light = this.shown.view === "waveform" || !length;
    context.fillStyle = this.light ? this.paper : "#000";
    context.fillRect(0, 0, plot.width, plot.height);
    if (length && width) {
      const buffer = playback.sounds.get(this.pictured);
      // Shorter versions end before the right edge.
      plot.sounding = (width * buffer.duration) / length;
      plot.columns = Math.max(2, Math.round(plot.sounding));
      if (this.shown.view === "waveform") this.paintWaveform(context, plot, buffer);
      else this.paintSpectrogram(context, plot, buffer);
      this.paintTime(context, plot, length);
      this.read(plot, buffer);
    }
    if (playback.running) this.draw();
  }

  get topHz() {
    return this.options.max_hz ?? this.playback.rate / 2;
  }

  hzAt(y, height) {
    const share = 1 - y / height;
    if (this.shown.scale !== "log") return this.topHz * share;
    return OCTAVES_FROM_HZ * (this.topHz / OCTAVES_FROM_HZ) ** share;
  }

  yOf(hz, height) {
    if (this.shown.scale !== "log") return height * (1 - hz / this.topHz);
    return height * (1 - Math.log(hz / OCTAVES_FROM_HZ) / Math.log(this.topHz / OCTAVES_FROM_HZ));
  }

  // What `make` gives, once for the sounds that are held.
  once(key, make) {
    const { cache } = this.state;
    if (!cache.has(key)) cache.set(key, make());
    return cache.get(key);
  }

  spectra({ columns }, buffer) {
    const { nFft } = this.shown;
    const key = ["spectra", this.pictured, nFft, columns].join(" ");
    return this.once(key, () => spectra(monoOf(buffer), nFft, columns));
  }

  paintSpectrogram(context, plot, buffer) {
    const found = this.spectra(plot, buffer);
    const topDb = this.once("top", () => found.levels.reduce((a, b) => Math.max(a, b), -120));
    if (topDb < SILENT_DB) return this.paintSilence(context, plot);
    const hzAt = (y) => this.hzAt(y, plot.height);
    const key = [this.pictured, ...Object.values(this.shown), plot.columns, plot.height].join(" ");
    const image = this.once(key, () => picture(found, plot.height, this.playback.rate, hzAt, topDb));
    context.drawImage(image, 0, 0, plot.sounding, plot.height);
    if (this.slide?.counts) this.slide.cover(context, this.state.pitches[0], plot);
    this.paintHertz(context, plot);
    if (this.slide?.counts) return;
    this.state.pitches.forEach((pitch, i) => this.paintPitch(context, plot, pitch, i % PITCH_COLOURS.length));
  }

  paintSilence(context, { width, height }) {
    context.fillStyle = this.paper;
    context.fillRect(0, 0, width, height);
    context.fillStyle = this.ink;
    context.fillText(SILENCE, 12, height / 2);
  }

  paintHertz(context, plot) {
    const top = this.topHz;
    const step = [250, 500, 1000, 2000, 5000].find((s) => top / s <= 5) ?? 5000;
    const linear = Array.from({ length: Math.floor(top / step) }, (_, i) => (i + 1) * step);
    const marks = this.shown.scale === "log" ? OCTAVE_TICKS_HZ : linear;
    for (const hz of marks.filter((mark) => mark < top)) {
      const y = this.yOf(hz, plot.height);
      if (y < 10) continue;
      label(context, hertz(hz).replace(".00", "").replace(".0", ""), 6, y + 4);
      context.fillRect(0, y, 3, 1);
    }
  }

  paintPitch(context, plot, { name, hop_s: hop, hz }, i) {
    const x = (frame) => (plot.width * frame * hop) / this.playback.length;
    context.lineWidth = 2;
    context.strokeStyle = PITCH_COLOURS[i];
    context.beginPath();
    // Frames without a pitch are no numbers.
    hz.forEach((value, frame) => {
      const act = hz[frame - 1] > 0 ? "lineTo" : "moveTo";
      if (value > 0) context[act](x(frame), this.yOf(value, plot.height));
    });
    context.stroke();
    const left = plot.width - 8 - context.measureText(name).width;
    label(context, name, left, 14 + 14 * i, PITCH_COLOURS[i]);
  }

  paintWaveform(context, plot, buffer) {
    const samples = monoOf(buffer);
    const middle = plot.height / 2;
    context.fillStyle = WAVE;
    for (let x = 0; x < plot.sounding; x++) {
      const [from, to] = [x, x + 1].map((v) => Math.floor((v * samples.length) / plot.sounding));
      let [low, high] = [1, -1];
      for (let i = from; i < Math.max(to, from + 1); i++) {
        low = Math.min(low, samples[i]);
        high = Math.max(high, samples[i]);
      }
      context.fillRect(x, middle * (1 - high), 1, Math.max(1, middle * (high - low)));
    }
  }

  paintTime(context, plot, length) {
    const x = (t) => (plot.width * t) / length;
    const step = TICKS_S.find((s) => x(s) > 50) ?? 60;
    context.fillStyle = this.ink;
    for (let i = 0; i * step <= length; i++) {
      const text = `${Number((i * step).toFixed(2))} s`;
      if (x(i * step) + context.measureText(text).width < plot.width)
        context.fillText(text, x(i * step) + 2, plot.height + 13);
      context.fillRect(x(i * step), plot.height, 1, 4);
    }
    let free = 0;
    for (const [t, text] of this.state.marks) {
      context.fillStyle = this.light ? this.ink : "#fff";
      context.fillRect(x(t), 0, 1, plot.height);
      // Words over words say nothing.
      if (x(t) < free) continue;
      label(context, text, x(t) + 3, plot.height - 5);
      free = x(t) + context.measureText(text).width + 6;
    }
    const loop = this.dragged ?? this.playback.loop;
    if (loop && !this.slide?.counts) {
      context.fillStyle = this.light ? "rgba(128, 128, 128, 0.3)" : "rgba(255, 255, 255, 0.3)";
      context.fillRect(x(loop[0]), 0, x(loop[1]) - x(loop[0]), plot.height);
    }
    const at = this.playback.position();
    context.fillStyle = "#ff4d4d";
    context.fillRect(x(at) - 1, 0, 2, plot.height);
    this.clock.textContent = `${at.toFixed(2)} of ${length.toFixed(2)} s`;
    this.canvas.setAttribute("aria-valuemax", length.toFixed(2));
    this.canvas.setAttribute("aria-valuenow", at.toFixed(2));
    this.canvas.setAttribute("aria-valuetext", `${at.toFixed(2)} s, ${this.playback.now}`);
  }

  // What is under the pointer, in words.
  read(plot, buffer) {
    if (!this.hover || this.hover.y >= plot.height) return;
    const { t, y } = this.hover;
    if (this.shown.view === "waveform" || t >= buffer.duration) return this.say(`${t.toFixed(3)} s`);
    const hz = this.hzAt(y, plot.height);
    const { levels, columns, bins } = this.spectra(plot, buffer);
    const column = Math.min(columns - 1, Math.floor((t / buffer.duration) * columns));
    const bin = Math.min(bins - 1, Math.round((hz / this.playback.rate) * 2 * (bins - 1)));
    const db = levels[column * bins + bin];
    const note = hz >= 27 ? `, ${noteName(hz)}` : "";
    this.say(`${t.toFixed(2)} s, ${hertz(hz)}${note}, ${db.toFixed(0).replace("-", "−")} dB`);
  }
}

function label(context, text, x, y, colour = "#fff") {
  context.lineWidth = 3;
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

// What the picture is of: the mean of both sides.
function monoOf(buffer) {
  const left = buffer.getChannelData(0);
  if (buffer.numberOfChannels === 1) return left;
  const right = buffer.getChannelData(1);
  return left.map((sample, i) => (sample + right[i]) / 2);
}

export default () => {
  const views = new Set();
  const state = { views, asked: false, cache: new Map(), pitches: [], marks: [] };
  state.playback = new Playback(() => views.forEach((view) => view.update()));

  function hear(content, buffers) {
    if (content.type === "look") return look();
    // Another page may have asked; what is to sound at once is taken out of sight, too.
    if (!views.size || !(state.asked ||= Boolean(content.play))) return;
    if (content.type === "pause") state.playback.pause();
    if (content.type !== "sounds") return;
    const arrays = buffers.map((view) => floatsOf(view));
    const channels = content.channels.map((n) => arrays.splice(0, n));
    const pitches = content.pitches.map((pitch, i) => ({ ...pitch, hz: arrays[i] }));
    Object.assign(state, { cache: new Map(), pitches, marks: content.marks, blind: content.blind });
    state.playback.hold(content.names, content.rate, channels, content.loop ?? undefined);
    if (content.choose) state.playback.choose(content.choose);
    if (content.once) state.playback.playOnce(...content.once);
    else if (content.play && !state.playback.running) state.playback.play();
  }

  // Ask for the sounds, once: when a view comes into sight, or when another widget is about to play them.
  function ask(model) {
    if (state.asked) return;
    state.asked = true;
    model.send({ type: "ready" });
    setTimeout(() => {
      if (!state.playback.sounds.size) views.forEach((view) => view.say(GONE, true));
    }, GONE_AFTER_MS);
  }

  function look() {
    // Later, if it is not shown yet.
    state.look = !views.size;
    for (const view of views) view.root.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  return {
    alone: () => state.playback.sounds.size > 0 && !state.blind,
    initialize({ model, signal }) {
      const { key } = model.get("options");
      state.playback.ask = () => ask(model);
      if (key) playbacks.set(key, state.playback);
      model.on("msg:custom", hear);
      signal?.addEventListener("abort", () => {
        if (key) playbacks.delete(key);
        state.playback.release();
      });
    },
    render({ model, el }) {
      const view = new View(model, el, state);
      if (state.look) requestAnimationFrame(look);
      return () => {
        view.sight.disconnect();
        view.leave();
        if (views.size) return;
        // Frees the sounds; a view that comes back asks anew.
        state.playback.release();
        state.asked = false;
      };
    },
  };
};
