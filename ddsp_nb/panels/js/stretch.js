// The whole of a long recording as its outline, and the stretch of it that is used: dragged, moved by keys, or typed.
import { audioContext, soundAlone } from "./audio.js";
import { ordered, within } from "./math.js";
import { button, CanvasView, caption, claim, floatsOf, make, pointOn, sharpContext } from "./page.js";
import { Playback } from "./playback.js";

// Pixels: of the time axis, of the space between its labels, and how near to an edge a pointer takes it.
const [AXIS_PX, LABEL_PX, EDGE_PX] = [18, 60, 9];
const TICKS_S = [5, 10, 20, 30, 60, 120, 300];
const STEPS_S = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
// So long after the last key, the choice is told.
const PAUSE_MS = 700;
const LABEL = "Stretch that is used. Arrows move it, with Shift its end; Space plays it";

// "1:05" of 65 s.
function clock(seconds) {
  const s = Math.round(seconds);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

class View extends CanvasView {
  constructor(model, el, views) {
    super();
    Object.assign(this, { model, drag: null, asked: false, unanswered: 0, about: {} });
    this.playback = new Playback(() => this.show());
    const says = { tabIndex: 0, role: "slider", "aria-label": LABEL, "aria-valuemin": 0 };
    this.canvas = make("canvas", { className: "overview", ...says });
    this.listenToPointer();
    this.canvas.onkeydown = (event) => this.onKey(event);
    this.ends = ["From", "to"].map((word, i) => {
      const input = make("input", { type: "number", step: 0.1, min: 0, "aria-label": `${word}, in seconds` });
      input.onchange = () => {
        input.shown = null;
        this.choose(this.typed(i, Number(input.value)));
      };
      return input;
    });
    this.play = button("", () => this.listen(), { className: "play" });
    const learned = "learn from all of it";
    this.all = make("input", { type: "checkbox", onchange: () => this.tell(), "aria-label": learned });
    this.words = make("span", { className: "words" });
    const [from, to] = this.ends.map((input, i) => make("label", {}, ["From", "to"][i], input, "s"));
    const all = make("label", {}, this.all, learned);
    this.root = make("div", { className: "ddsp", role: "group" }, this.canvas);
    this.root.append(make("div", { className: "row" }, this.play, from, to, this.words, all));
    // Digits and Enter are for the numbers, not for JupyterLab, which takes them for commands.
    this.root.onkeydown = (event) => event.stopPropagation();
    this.appear(el, views);
  }

  // What the kernel says counts from now on, unless it has not heard the last of this page.
  update() {
    const { about } = this;
    this.about = this.model.get("about");
    if (this.about.name === about.name && (this.drag || this.due || this.unanswered)) return;
    this.root.hidden = !this.about.seconds;
    if (this.root.hidden) return this.playback.release();
    this.root.setAttribute("aria-label", `The whole of ${this.about.name}`);
    this.all.checked = this.about.all;
    if (String(this.stretch) !== String(this.about.stretch)) this.playback.release();
    this.stretch = this.about.stretch;
    this.show();
  }

  show() {
    if (this.root.hidden) return;
    const { seconds, longest } = this.about;
    const [start, stop] = this.stretch;
    this.ends.forEach((input, i) => {
      const shown = this.stretch[i].toFixed(1);
      // Whoever is typing another one goes on.
      if (input.shown !== shown) Object.assign(input, { max: seconds, value: shown, shown });
    });
    const most = stop - start > longest - 0.05 ? ", the most" : "";
    this.words.textContent = `${(stop - start).toFixed(1)} s of ${clock(seconds)}${most}`;
    caption(this.play, this.playback.running ? "⏸ Pause" : "▶ Listen");
    this.canvas.setAttribute("aria-valuemax", seconds);
    this.canvas.setAttribute("aria-valuenow", start);
    this.canvas.setAttribute("aria-valuetext", `${clock(start)} to ${clock(stop)} of ${clock(seconds)}`);
    this.draw();
  }

  // Stretches near this one, within what is allowed: the other end stays, or the length.
  withEnd(i, s) {
    const { seconds, shortest, longest } = this.about;
    const [start, stop] = this.stretch;
    if (i) return [start, within(s, start + shortest, Math.min(seconds, start + longest))];
    return [within(s, Math.max(0, stop - longest), stop - shortest), stop];
  }

  movedTo(s) {
    const length = this.stretch[1] - this.stretch[0];
    const start = within(s, 0, this.about.seconds - length);
    return [start, start + length];
  }

  // One end where it was typed; where the other does not allow it, both go there.
  typed(i, s) {
    const stretch = this.withEnd(i, s);
    return stretch[i] === s ? stretch : this.movedTo(i ? s - (this.stretch[1] - this.stretch[0]) : s);
  }

  // From where the pointer came down to where it is; a click moves the stretch there.
  drawn(from, s) {
    const { shortest, longest } = this.about;
    if (Math.abs(s - from) < shortest) return this.movedTo(from);
    return ordered(from, within(s, from - longest, from + longest));
  }

  // Show a stretch at once, and tell the kernel after a while.
  choose(stretch, pause_ms = 0) {
    this.asked = false;
    this.playback.release();
    this.stretch = stretch;
    this.show();
    clearTimeout(this.due);
    this.due = setTimeout(() => this.tell(), pause_ms);
  }

  tell() {
    const [start, stop] = this.stretch;
    this.due = null;
    this.unanswered++;
    this.model.send({ type: "stretch", start, stop, all: this.all.checked });
  }

  listenToPointer() {
    const { canvas } = this;
    const secondsAt = (event) => within(pointOn(canvas, event).x / canvas.clientWidth, 0, 1) * this.about.seconds;
    const grip = (event) => {
      const [x, pixels] = [pointOn(canvas, event).x, canvas.clientWidth / this.about.seconds];
      const [left, right] = this.stretch.map((s) => s * pixels);
      const inside = Math.min(EDGE_PX, (right - left) / 4);
      if (x > left - EDGE_PX && x < left + inside) return 0;
      if (x > right - inside && x < right + EDGE_PX) return 1;
      return x > left && x < right ? "whole" : "new";
    };
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      const from = secondsAt(event);
      this.drag = { what: grip(event), from, before: this.stretch };
    };
    canvas.onpointermove = (event) => {
      if (!this.drag) {
        canvas.style.cursor = { new: "crosshair", whole: "grab" }[grip(event)] ?? "ew-resize";
        return;
      }
      this.stretch = this.dragged(secondsAt(event));
      this.show();
    };
    canvas.onpointerup = (event) => {
      if (!this.drag) return;
      const stretch = this.dragged(secondsAt(event));
      const moved = String(stretch) !== String(this.drag.before);
      this.drag = null;
      if (moved) this.choose(stretch);
    };
    canvas.onpointercancel = canvas.onpointerup;
  }

  dragged(s) {
    const { what, from, before } = this.drag;
    if (what === "new") return this.drawn(from, s);
    return what === "whole" ? this.movedTo(before[0] + s - from) : this.withEnd(what, s);
  }

  onKey(event) {
    if (event.key === " ") this.listen();
    else if (event.key in STEPS_S) {
      const step = STEPS_S[event.key];
      const stretch = event.shiftKey ? this.withEnd(1, this.stretch[1] + step) : this.movedTo(this.stretch[0] + step);
      this.choose(stretch, PAUSE_MS);
    } else return;
    claim(event);
  }

  listen() {
    if (this.playback.running) return this.playback.pause();
    if (this.playback.sounds.size) return this.playback.play();
    this.asked = true;
    // In the click, as only that lets a browser begin to sound; the sound itself comes later.
    soundAlone(this.playback, audioContext(this.about.rate));
    const [start, stop] = this.stretch;
    this.model.send({ type: "listen", start, stop });
  }

  // The sound that was asked for, unless the stretch is another one by now.
  hear(samples) {
    if (!this.asked) return;
    this.asked = false;
    this.playback.at = 0;
    this.playback.hold(["stretch"], this.about.rate, [[samples]]);
    this.playback.play();
  }

  paint() {
    if (this.root.hidden) return;
    const { context: g, width, height } = sharpContext(this.canvas);
    const style = getComputedStyle(this.canvas);
    const [ink, faint, accent] = ["--ink", "--faint", "--accent"].map((name) => style.getPropertyValue(name));
    const middle = (height - AXIS_PX) / 2;
    const pixels = width / this.about.seconds;
    const [left, right] = this.stretch.map((s) => s * pixels);
    Object.assign(g, { globalAlpha: 0.18, fillStyle: accent });
    g.fillRect(left, 0, right - left, 2 * middle);
    g.globalAlpha = 1;
    const { buffer, byteOffset, byteLength } = this.model.get("outline");
    const extremes = new Int8Array(buffer, byteOffset, byteLength);
    const column = (2 * width) / extremes.length;
    for (let i = 0; i < extremes.length; i += 2) {
      const x = (i / 2) * column;
      const [low, high] = [extremes[i], extremes[i + 1]].map((level) => (level / 127) * (middle - 2));
      g.fillStyle = x >= left && x < right ? accent : faint;
      g.fillRect(x, middle - high, Math.max(1, column), Math.max(1, high - low));
    }
    g.fillStyle = ink;
    // Colour is not the only sign.
    for (const x of [left, right]) g.fillRect(within(x - 1, 0, width - 2), 0, 2, 2 * middle);
    if (this.playback.running) g.fillRect(left + this.playback.position() * pixels, 0, 1, 2 * middle);
    this.paintTimes(g, width, height, pixels, style);
    if (this.playback.running) this.draw();
  }

  paintTimes(g, width, height, pixels, style) {
    Object.assign(g, { font: `11px ${style.fontFamily}`, textBaseline: "bottom", textAlign: "left" });
    const step = TICKS_S.find((s) => s * pixels > LABEL_PX) ?? 600;
    for (let s = 0; s * pixels < width - LABEL_PX / 2; s += step) g.fillText(clock(s), s * pixels + 2, height);
  }
}

export default {
  render({ model, el }) {
    const views = new Set();
    const view = new View(model, el, views);
    const update = () => view.update();
    const onMessage = ({ type }, buffers) => {
      if (type === "sound") view.hear(floatsOf(...buffers));
      else {
        view.unanswered = Math.max(0, view.unanswered - 1);
        update();
      }
    };
    model.on("change:about", update);
    model.on("msg:custom", onMessage);
    return () => {
      model.off("change:about", update);
      model.off("msg:custom", onMessage);
      view.playback.release();
      view.leave();
    };
  },
};
