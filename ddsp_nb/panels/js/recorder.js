// What a user brings: a file, or the microphone, with a level while it records, then listen, keep or discard. Samples
// and bytes go to the kernel as they are.
import { closeMicrophone, openMicrophone, whyNoMicrophone } from "./microphone.js";
import { make, sharpContext } from "./page.js";
import { Playback } from "./playback.js";
/* global WORKLET */

const RATE = 44_100; // of the recording, whatever the sound card has
const LONGEST_S = 30;
const PIECE = 2 ** 23; // bytes in a message: the server refuses more than 10 MiB
const LARGEST = 2 ** 28; // bytes of a file
const LOUD = 0.99; // of full scale: from there on it clips
const QUIET_DB = -60; // left end of the meter
const INVITATION = `One voice or instrument, one note at a time; the microphone takes up to ${LONGEST_S} s.`;
const OTHERWISE = "Or choose a file instead.";

// What is recorded now: samples, their level, and `stop`.
async function begin(heard) {
  const stream = await openMicrophone();
  const context = new AudioContext({ sampleRate: RATE });
  const url = URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" }));
  await context.audioWorklet.addModule(url);
  URL.revokeObjectURL(url);
  const node = new AudioWorkletNode(context, "ddsp-recorder", {
    channelCount: 1,
    channelCountMode: "explicit",
  });
  const muted = new GainNode(context, { gain: 0 }); // a node that leads nowhere is not run
  context.createMediaStreamSource(stream).connect(node).connect(muted).connect(context.destination);
  const parts = [];
  const over = new Promise((done) => {
    node.port.onmessage = ({ data }) => {
      parts.push(data.part);
      heard(data.part);
      if (data.last) done();
    };
  });
  await context.resume();
  return async function stop() {
    node.port.postMessage("stop");
    await over;
    closeMicrophone(stream);
    await context.close();
    return joined(parts);
  };
}

function joined(parts) {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

class View {
  constructor(model, el) {
    Object.assign(this, { model, stop: null, sound: null, seconds: 0, clipped: false });
    this.playback = new Playback(() => this.update());
    const button = (text, onclick) => make("button", { onclick }, text);
    this.file = make("input", { type: "file", accept: model.get("accept"), hidden: true, tabIndex: -1 });
    this.file.onchange = () => this.bring(this.file.files[0]);
    this.choose = button("Choose a file …", () => this.file.click());
    this.record = button("● Record", () => this.toggle());
    this.listen = button("▶ Listen", () => (this.playback.running ? this.playback.pause() : this.playback.play()));
    this.keep = button("✓ Keep", () => this.sendSound());
    this.discard = button("✕ Discard", () => this.forget("Discarded."));
    this.meter = make("canvas", { role: "meter", "aria-label": "Level of the microphone in dB" });
    Object.assign(this.meter.style, { width: "160px", height: "14px" });
    this.words = make("span", { className: "words", role: "status" }, INVITATION);
    const buttons = [this.choose, this.file, this.record, this.meter, this.listen, this.keep, this.discard];
    this.root = make(
      "div",
      { className: "ddsp row", role: "group", "aria-label": "Your own sound" },
      ...buttons,
      this.words,
    );
    this.root.ondragover = (event) => event.preventDefault();
    this.root.ondrop = (event) => {
      event.preventDefault();
      this.bring(event.dataTransfer.files[0]);
    };
    el.append(this.root);
    this.update();
  }

  async bring(file) {
    this.file.value = ""; // so that the same file can be chosen again
    if (!file) return;
    if (file.size > LARGEST) return this.say("That file is larger than 256 MB. Cut it, or use the command line.", true);
    this.say(`Handing over ${file.name} …`);
    this.send("file", await file.arrayBuffer(), { name: file.name });
    this.say("");
  }

  send(type, bytes, more) {
    for (let at = 0; at < Math.max(1, bytes.byteLength); at += PIECE) {
      const content = { type, offset: at, total: bytes.byteLength, ...more };
      this.model.send(content, undefined, [bytes.slice(at, at + PIECE)]);
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
    this.stop = await begin((part) => this.hear(part));
    this.say("Recording …");
  }

  hear(part) {
    this.seconds += part.length / RATE;
    const peak = part.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    this.clipped ||= peak >= LOUD;
    this.draw(peak);
    if (!this.stop) return;
    this.say(`Recording: ${this.seconds.toFixed(1)} s of ${LONGEST_S}${this.clipped ? ". Too loud: move away" : ""}`);
    if (this.seconds >= LONGEST_S && !this.record.disabled) this.toggle();
  }

  async end() {
    const stop = this.stop;
    this.stop = null;
    this.sound = await stop();
    this.draw(0);
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

  draw(peak) {
    const { context, width, height } = sharpContext(this.meter);
    const share = Math.max(0, Math.min(1, 1 - (20 * Math.log10(peak + 1e-9)) / QUIET_DB));
    context.fillStyle = "#ddd";
    context.fillRect(0, 0, width, height);
    context.fillStyle = peak >= LOUD ? "#b00020" : "#1976d2";
    context.fillRect(0, 0, width * share, height);
    this.meter.setAttribute("aria-valuenow", (20 * Math.log10(peak + 1e-9)).toFixed(0));
  }

  update() {
    this.record.textContent = this.stop ? "■ Stop" : "● Record";
    this.listen.textContent = this.playback.running ? "⏸ Pause" : "▶ Listen";
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
