// What a user brings: a file, or the microphone, with a level while it records, then listen, keep or discard. Samples
// and bytes go to the kernel as they are.
import { decibels } from "./math.js";
import { closeMicrophone, hearMicrophone, openMicrophone, whyNoMicrophone } from "./microphone.js";
import { button, caption, make } from "./page.js";
import { Playback } from "./playback.js";

// Of the recording, whatever the sound card has.
const RATE = 44_100;
const LONGEST_S = 30;
// Of a message, since the server refuses more than 10 MiB, and of a file.
const [PIECE_BYTES, LARGEST_BYTES] = [2 ** 23, 2 ** 28];
// Of full scale: from there on it clips.
const LOUD = 0.99;
// At the left end of the meter.
const QUIET_DB = -60;
const INVITATION = `One voice or instrument, one note at a time; the microphone takes up to ${LONGEST_S} s.`;
const OTHERWISE = "Or choose a file instead.";

// Record from now on: `heard` is called with each part; returns a function that ends it and gives all samples.
async function record(heard) {
  const parts = [];
  let done;
  const over = new Promise((resolve) => (done = resolve));
  const stream = await openMicrophone();
  const node = await hearMicrophone(stream, { name: "ddsp-recorder", text: WORKLET, sampleRate: RATE }, (data) => {
    parts.push(data.part);
    heard(data.part);
    if (data.last) done();
  });
  return async () => {
    node.port.postMessage("stop");
    await over;
    closeMicrophone(stream);
    await node.context.close();
    // No array constructor takes several arrays, a Blob does.
    return new Float32Array(await new Blob(parts).arrayBuffer());
  };
}

class View {
  constructor(model, el) {
    Object.assign(this, { model, stop: null, sound: null, seconds: 0, clipped: false });
    this.playback = new Playback(() => this.update());
    this.file = make("input", { type: "file", accept: model.get("accept"), hidden: true, tabIndex: -1 });
    this.file.onchange = () => this.bring(this.file.files[0]);
    this.choose = button("Choose a file …", () => this.file.click());
    this.record = button("● Record", () => this.toggle());
    this.listen = button("▶ Listen", () => (this.playback.running ? this.playback.pause() : this.playback.play()));
    this.keep = button("✓ Keep", () => this.sendSound());
    this.discard = button("✕ Discard", () => this.forget("Discarded."));
    const range = { min: QUIET_DB, max: 0, low: decibels(LOUD), high: decibels(LOUD), optimum: QUIET_DB };
    this.meter = make("meter", { ...range, "aria-label": "Level of the microphone in dB" });
    this.words = make("span", { className: "words", role: "status" }, INVITATION);
    const buttons = [this.choose, this.file, this.record, this.meter, this.listen, this.keep, this.discard];
    const says = { role: "group", "aria-label": "Your own sound" };
    this.root = make("div", { className: "ddsp row", ...says }, ...buttons, this.words);
    this.root.ondragover = (event) => event.preventDefault();
    this.root.ondrop = (event) => {
      event.preventDefault();
      this.bring(event.dataTransfer.files[0]);
    };
    el.append(this.root);
    this.update();
  }

  async bring(file) {
    // So that the same file can be chosen again.
    this.file.value = "";
    if (!file) return;
    if (file.size > LARGEST_BYTES)
      return this.say("That file is larger than 256 MB. Cut it, or use the command line.", true);
    this.say(`Handing over ${file.name} …`);
    this.send("file", await file.arrayBuffer(), { name: file.name });
    this.say("");
  }

  send(type, bytes, more) {
    for (let at = 0; at < Math.max(1, bytes.byteLength); at += PIECE_BYTES) {
      const content = { type, offset: at, total: bytes.byteLength, ...more };
      this.model.send(content, undefined, [bytes.slice(at, at + PIECE_BYTES)]);
    }
  }

  async toggle() {
    this.record.disabled = true;
    try {
      if (this.stop) await this.end();
      else await this.start();
    } catch (error) {
      this.stop = null;
      this.say(`${whyNoMicrophone(error, "Record")} ${OTHERWISE}`, true);
    }
    this.record.disabled = false;
    this.update();
  }

  async start() {
    this.forget("");
    this.stop = await record((part) => this.hear(part));
    this.say("Recording …");
  }

  hear(part) {
    this.seconds += part.length / RATE;
    const peak = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    this.clipped ||= peak >= LOUD;
    this.meter.value = Math.max(QUIET_DB, decibels(peak));
    if (!this.stop) return;
    this.say(`Recording: ${this.seconds.toFixed(1)} s of ${LONGEST_S}${this.clipped ? ". Too loud: move away" : ""}`);
    if (this.seconds >= LONGEST_S && !this.record.disabled) this.toggle();
  }

  async end() {
    const stop = this.stop;
    this.stop = null;
    this.sound = await stop();
    this.playback.hold(["take"], RATE, [[this.sound]]);
    this.say(`${(this.sound.length / RATE).toFixed(1)} s. Listen, then keep it or try again.`);
  }

  sendSound() {
    this.send("sound", this.sound.buffer, { rate: RATE });
    this.forget("Kept.");
  }

  forget(words) {
    this.playback.release();
    Object.assign(this, { sound: null, seconds: 0, clipped: false });
    this.say(words);
    this.update();
  }

  say(text, wrong = false) {
    this.words.textContent = text;
    this.words.classList.toggle("wrong", wrong);
  }

  update() {
    caption(this.record, this.stop ? "■ Stop" : "● Record");
    caption(this.listen, this.playback.running ? "⏸ Pause" : "▶ Listen");
    for (const button of [this.listen, this.keep, this.discard]) button.hidden = !this.sound;
    this.meter.hidden = !this.stop;
  }

  leave() {
    this.stop?.();
    this.playback.release();
    this.root.remove();
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.leave();
  },
};
