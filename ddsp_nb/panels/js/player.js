// The player: versions of one sound over their spectrogram or waveform, with a playhead that can be taken hold of.
import { playbacks } from "./audio.js";
import { hertz, make, noteName, sharpContext } from "./page.js";
import { Playback } from "./playback.js";
import { picture, spectra } from "./spectrogram.js";

const STEP_S = 0.5; // of an arrow key
const LEAST_LOOP_S = 0.05; // shorter drags are clicks
const AXIS = 16; // pixels below the picture, for seconds
const LOWEST_HZ = 40; // of the logarithmic scale
const WINDOWS = { 512: "12 ms", 1024: "23 ms", 2048: "46 ms", 4096: "93 ms", 8192: "186 ms" };
const LINES = ["#27d3f5", "#ffb000", "#7ee081"]; // of pitches: told apart by any eye, on black as on violet
const PATIENCE_MS = 4000; // after which a kernel that does not answer is said to be gone
const GONE = "No sound came: the kernel was stopped. Run this cell again (Run → Run All Cells).";

class View {
  constructor(model, el, state) {
    Object.assign(this, { model, state, playback: state.playback, frame: 0, drag: null, hover: null });
    const options = model.get("options");
    this.shown = { view: options.view, scale: options.scale, nFft: options.n_fft };
    this.root = make("div", {
      className: "ddsp player",
      role: "group",
      "aria-label": `Player: ${options.label}`,
    });
    this.root.playback = this.playback; // for tests
    this.build(options);
    el.append(this.root);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.canvas);
    this.sight = new IntersectionObserver(([entry]) => entry.isIntersecting && this.ask(), {
      rootMargin: "800px",
    });
    this.sight.observe(this.root);
  }

  build(options) {
    this.play = make("button", { className: "play", onclick: () => this.toggle() }, "▶ Play");
    this.versions = make("span", { className: "row" });
    this.clock = make("span", { className: "words" });
    this.canvas = make("canvas", {
      tabIndex: 0,
      role: "slider",
      "aria-label": "Position in seconds. Space plays, arrows move, digits choose a version",
      "aria-valuemin": "0",
    });
    this.canvas.style.height = `${options.height + AXIS}px`;
    this.canvas.style.cursor = "crosshair";
    this.canvas.style.touchAction = "none";
    this.words = make("span", { className: "words", role: "status" }, "…");
    this.unloop = make("button", { onclick: () => this.playback.setLoop(null), hidden: true }, "End the loop");
    const choice = (name, label, words) => {
      const select = make("select", {
        "aria-label": label,
        onchange: () => {
          this.shown[name] = name === "nFft" ? Number(select.value) : select.value;
          this.draw();
        },
      });
      for (const [value, text] of Object.entries(words))
        select.append(new Option(text, value, false, value === String(this.shown[name])));
      return select;
    };
    const choices = [
      choice("view", "Picture", { spectrogram: "Spectrogram", waveform: "Waveform" }),
      choice("scale", "Frequency axis", { linear: "in Hz", log: "in octaves" }),
      choice("nFft", "Window", WINDOWS),
    ];
    this.root.append(
      make("div", { className: "row" }, this.play, this.versions, this.unloop, this.clock),
      this.canvas,
      make("div", { className: "row" }, ...choices, this.words),
    );
    if (options.mix) this.root.append(this.buildMix(options.mix));
    this.listen();
  }

  // One slider for the shares of two sounds that are heard together; `usual` is the share at which both have gain 1.
  buildMix({ names, usual }) {
    const words = make("span", { className: "words" });
    const slider = make("input", {
      type: "range",
      min: 0,
      max: 100,
      value: 100 * usual,
      "aria-label": `Share of ${names[0]}, %`,
    });
    slider.style.width = "280px";
    const set = () => {
      const share = slider.value / 100;
      this.playback.mix = { [names[0]]: share / usual, [names[1]]: (1 - share) / (1 - usual) };
      words.textContent = `${slider.value} % ${names[0]}, ${100 - slider.value} % ${names[1]}`;
      this.playback.fade();
    };
    slider.oninput = set;
    set();
    return make("label", { className: "row" }, slider, words);
  }

  listen() {
    const at = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * this.playback.length;
    };
    this.canvas.onpointerdown = (event) => {
      this.drag = at(event);
      this.canvas.setPointerCapture(event.pointerId);
    };
    this.canvas.onpointermove = (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.hover = { t: at(event), y: event.clientY - box.top };
      if (this.drag !== null && Math.abs(this.hover.t - this.drag) > LEAST_LOOP_S) {
        this.dragged = [Math.min(this.drag, this.hover.t), Math.max(this.drag, this.hover.t)];
      }
      this.draw();
    };
    this.canvas.onpointerup = (event) => {
      if (this.dragged) this.playback.setLoop(this.dragged);
      else if (this.drag !== null) this.playback.seek(at(event));
      this.drag = this.dragged = null;
    };
    this.canvas.onpointerleave = () => {
      this.hover = null;
      this.draw();
    };
    this.root.onkeydown = (event) => this.key(event);
  }

  key(event) {
    const { playback } = this;
    if (["SELECT", "INPUT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: -STEP_S, ArrowRight: STEP_S }[event.key];
    const version = [...playback.sounds.keys()][Number(event.key) - 1];
    if (event.key === " " && event.target.tagName !== "BUTTON") this.toggle();
    else if (move) playback.seek(playback.position() + move * (event.shiftKey ? 4 : 1));
    else if (event.key === "Home") playback.seek(0);
    else if (event.key === "Escape") playback.setLoop(null);
    else if (version) playback.choose(version);
    else return;
    event.preventDefault();
    event.stopPropagation(); // or JupyterLab would take the key for a command
  }

  toggle() {
    if (this.playback.running) this.playback.pause();
    else this.playback.play();
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
    this.play.textContent = playback.running ? "⏸ Pause" : "▶ Play";
    this.play.disabled = !playback.sounds.size;
    this.unloop.hidden = !playback.loop;
    const names = [...playback.sounds.keys()];
    if (names.join("\n") !== this.names) {
      this.names = names.join("\n");
      const button = (name) => make("button", { onclick: () => playback.choose(name) }, name);
      this.versions.replaceChildren(...(names.length > 1 ? names.map(button) : names));
      if (names.length) this.say("Click to move, drag to loop; Space plays.");
    }
    for (const button of this.versions.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.textContent === playback.now);
    }
    this.draw();
  }

  draw() {
    if (!this.frame && this.root.isConnected) this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.frame = 0;
    const { playback, canvas } = this;
    const { context, width, height } = sharpContext(canvas);
    const plot = { width, height: height - AXIS };
    context.fillStyle = this.shown.view === "waveform" ? "#fff" : "#000";
    context.fillRect(0, 0, plot.width, plot.height);
    const length = playback.length;
    if (length && width) {
      const buffer = playback.sounds.get(playback.now);
      plot.sounding = (width * buffer.duration) / length; // shorter versions end before the right edge
      if (this.shown.view === "waveform") this.paintWaveform(context, plot, buffer);
      else this.paintSpectrogram(context, plot, buffer);
      this.paintTime(context, plot, length);
      this.read(plot, buffer);
    }
    if (playback.running) this.draw();
  }

  hzAt(y, height) {
    const top = this.model.get("options").max_hz ?? this.playback.rate / 2;
    const share = 1 - y / height;
    return this.shown.scale === "log" ? LOWEST_HZ * (top / LOWEST_HZ) ** share : top * share;
  }

  yOf(hz, height) {
    const top = this.model.get("options").max_hz ?? this.playback.rate / 2;
    const share = this.shown.scale === "log" ? Math.log(hz / LOWEST_HZ) / Math.log(top / LOWEST_HZ) : hz / top;
    return height * (1 - share);
  }

  spectra(buffer, columns) {
    const key = `${this.playback.now} ${this.shown.nFft} ${columns}`;
    const { cache } = this.state;
    if (!cache.has(key)) cache.set(key, spectra(monoOf(buffer), this.shown.nFft, columns));
    return cache.get(key);
  }

  paintSpectrogram(context, plot, buffer) {
    const columns = Math.max(2, Math.round(plot.sounding));
    const found = this.spectra(buffer, columns);
    if (this.state.topDb === null) this.state.topDb = found.levels.reduce((a, b) => Math.max(a, b), -120);
    const key = [this.playback.now, this.shown.nFft, this.shown.scale, columns, plot.height].join(" ");
    if (this.drawn?.key !== key || this.drawn.cache !== this.state.cache) {
      const hzAt = (y) => this.hzAt(y, plot.height);
      const image = picture(found, plot.height, this.playback.rate, hzAt, this.state.topDb);
      this.drawn = { key, image, cache: this.state.cache };
    }
    context.drawImage(this.drawn.image, 0, 0, plot.sounding, plot.height);
    this.paintHertz(context, plot);
    this.state.pitches.forEach((pitch, i) => this.paintPitch(context, plot, pitch, LINES[i % LINES.length]));
  }

  paintHertz(context, plot) {
    const top = this.hzAt(0, plot.height);
    const step = [250, 500, 1000, 2000, 5000].find((s) => top / s <= 5) ?? 5000;
    const linear = Array.from({ length: Math.floor(top / step) }, (_, i) => (i + 1) * step);
    const marks = this.shown.scale === "log" ? [100, 200, 500, 1000, 2000, 5000, 10_000] : linear;
    context.font = "11px sans-serif";
    for (const hz of marks.filter((mark) => mark < top)) {
      const y = this.yOf(hz, plot.height);
      if (y < 10) continue;
      label(context, hertz(hz).replace(".00", "").replace(".0", ""), 4, y + 4);
      context.fillRect(0, y, 3, 1);
    }
  }

  paintPitch(context, plot, { name, hop_s: hop, hz }, colour) {
    const x = (i) => (plot.width * i * hop) / this.playback.length;
    context.lineWidth = 2;
    context.strokeStyle = colour;
    context.beginPath();
    for (let i = 0, pen = false; i < hz.length; i++) {
      if (!(hz[i] > 0)) pen = false;
      else {
        context[pen ? "lineTo" : "moveTo"](x(i), this.yOf(hz[i], plot.height));
        pen = true;
      }
    }
    context.stroke();
    context.font = "11px sans-serif";
    label(context, name, plot.width - 8 - context.measureText(name).width, 14 + 14 * LINES.indexOf(colour), colour);
  }

  paintWaveform(context, plot, buffer) {
    const samples = monoOf(buffer);
    const middle = plot.height / 2;
    context.fillStyle = "#1f5fa8";
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
    const ink = getComputedStyle(this.root).color;
    const step =
      [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60].find((s) => (s / length) * plot.width > 50) ?? 60;
    context.font = "11px sans-serif";
    context.fillStyle = ink;
    for (let i = 0; i * step <= length; i++) {
      const text = `${Number((i * step).toFixed(2))} s`;
      if (x(i * step) + context.measureText(text).width < plot.width)
        context.fillText(text, x(i * step) + 2, plot.height + 13);
      context.fillRect(x(i * step), plot.height, 1, 4);
    }
    for (const [t, text] of this.state.marks) {
      context.fillStyle = "#fff";
      context.fillRect(x(t), 0, 1, plot.height);
      label(context, text, x(t) + 3, plot.height - 5);
    }
    const loop = this.dragged ?? this.playback.loop;
    if (loop) {
      context.fillStyle = "rgba(255, 255, 255, 0.3)";
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
    const { levels, columns, bins } = this.spectra(buffer, Math.max(2, Math.round(plot.sounding)));
    const column = Math.min(columns - 1, Math.floor((t / buffer.duration) * columns));
    const bin = Math.min(bins - 1, Math.round((hz / this.playback.rate) * 2 * (bins - 1)));
    const db = levels[column * bins + bin];
    const note = hz >= 27 ? `, ${noteName(hz)}` : "";
    this.say(`${t.toFixed(2)} s, ${hertz(hz)}${note}, ${db.toFixed(0).replace("-", "−")} dB`);
  }

  leave() {
    this.sizes.disconnect();
    this.sight.disconnect();
    cancelAnimationFrame(this.frame);
    this.root.remove();
  }
}

function label(context, text, x, y, colour = "#fff") {
  context.lineWidth = 3;
  context.strokeStyle = "rgba(0, 0, 0, 0.75)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

const samplesOf = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)); // memory of its own

// What the picture is of: the mean of both sides.
function monoOf(buffer) {
  const left = buffer.getChannelData(0);
  if (buffer.numberOfChannels === 1) return left;
  const right = buffer.getChannelData(1);
  return left.map((sample, i) => (sample + right[i]) / 2);
}

export default () => {
  const views = new Set();
  const state = { asked: false, cache: new Map(), topDb: null, pitches: [], marks: [] };
  state.playback = new Playback(() => views.forEach((view) => view.update()));

  function hear(content, buffers) {
    if (content.type === "look") return look();
    if (!state.asked || !views.size) return; // another page asked
    if (content.type === "pause") state.playback.pause();
    if (content.type !== "sounds") return;
    const arrays = buffers.map(samplesOf);
    const channels = content.channels.map((n) => arrays.splice(0, n));
    const pitches = content.pitches.map((pitch, i) => ({ ...pitch, hz: arrays[i] }));
    Object.assign(state, { cache: new Map(), topDb: null, pitches, marks: content.marks });
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
    }, PATIENCE_MS);
  }

  function look() {
    state.look = !views.size; // later, if it is not shown yet
    for (const view of views) view.root.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  return {
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
      views.add(view);
      view.update();
      if (state.look) requestAnimationFrame(look);
      return () => {
        view.leave();
        views.delete(view);
        if (!views.size) {
          state.playback.release(); // frees the sounds; a view that comes back asks anew
          state.asked = false;
        }
      };
    },
  };
};
