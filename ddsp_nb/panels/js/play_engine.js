import { Hands } from "./play_hands.js";
import { Live } from "./live.js";
import { HIGHEST_OCTAVE, LOWEST_OCTAVE } from "./play_keyboard.js";
import { Microphone } from "./play_microphone.js";
import { Recording } from "./play_recording.js";
/* global WORKLET, WORKER */

const ANSWER_MS = 10_000; // in which a kernel that lives has sent the instrument
const FADE_MS = 200; // by then the worklet has faded out
const SWELL_DB = 12; // of a modulation wheel that is turned all the way, or a key that is pressed hard
const [QUIETEST_DB, LOUDEST_DB] = [-60, 24]; // of all that makes notes softer or louder together
const NO_SIMD =
  "This browser's WebAssembly has no SIMD, which the network needs. Use a current Chrome, Edge or Firefox.";
const NO_WORKLET = "This page has no AudioWorklet: open JupyterLab at localhost or over https, in a current browser.";
const NO_INSTRUMENT = "The instrument has not come: the kernel does not answer. Run this cell again.";
const LOST = "The network stopped";

// The instrument in the page: its numbers, its two threads, what hands do to it and what is recorded of that.
export class Engine extends Live {
  constructor(model) {
    const growth = { order: "low", partials: 0, bands: 0 };
    const settings = { ...growth, level_db: 0, swell: 0, volume_db: 0, sung_db: 0 };
    Object.assign(settings, { bend_semitones: 0, octave: 4 });
    super({
      name: "ddsp-play",
      text: WORKLET,
      settings,
      message: () => ({}),
      heard: (data) => this.hear(data),
    });
    Object.assign(this, {
      model,
      pieces: [],
      waiting: new Map(),
      struck: new Map(),
      counted: 0,
      ready: false,
    });
    this.hands = new Hands(this);
    this.recording = new Recording(this);
    this.microphone = new Microphone(this);
    this.receive = this.receive.bind(this);
  }

  // Numbers come in pieces, then what they are; pages without a view keep nothing.
  receive(content, buffers) {
    if (!this.views.size) return;
    if (content.type === "numbers") {
      if (!content.offset) this.pieces = [];
      this.pieces.push(buffers[0]);
    } else if (content.type === "instrument") this.use(content, buffers[0]);
  }

  use({ settings: about, layout, version }, wasm) {
    clearTimeout(this.late);
    const code = copyOf(wasm);
    if (!globalThis.WebAssembly?.validate(code)) return this.fail(NO_SIMD);
    const weights = joinedPieces(this.pieces);
    this.pieces = [];
    const other =
      !this.about ||
      ["sample_rate", "n_harmonics", "n_bands", "hop_length"].some((key) => about[key] !== this.about[key]);
    if (other) {
      this.pause();
      this.worker?.terminate();
      this.worker = null;
      this.ready = false;
      const octave = octaveOf(about.heard_notes);
      Object.assign(this.settings, { partials: about.n_harmonics, bands: about.n_bands, octave });
    }
    Object.assign(this, { about, rate: about.sample_rate, wrong: "" });
    this.worker ??= this.hire();
    this.worker.postMessage({ use: { wasm: code, settings: about, layout, weights, version } }, [weights.buffer]);
    this.show();
  }

  hire() {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = ({ data }) => this.hear(data);
    worker.onerror = ({ message }) => this.fail(`${LOST} (${message}). Run this cell again.`);
    return worker;
  }

  // What the threads say.
  hear({ ready, wrong, part, last, id, ...rest }) {
    if (ready !== undefined) this.begin();
    if (wrong) this.fail(`${LOST} (${wrong}). Run this cell again.`);
    if (part) this.recording.take(part, last);
    this.waiting.get(id)?.(rest);
    this.waiting.delete(id);
  }

  begin() {
    this.ready = true;
    this.send();
    this.strike();
    this.show();
  }

  fail(words) {
    this.pause();
    this.wrong = words;
    this.show();
  }

  // One number of a thread's own: { starved, frames, peak, voices } of the audio thread, or controls of the network.
  ask(thread, question) {
    const id = ++this.counted;
    return new Promise((answer) => {
      this.waiting.set(id, answer);
      thread.postMessage({ ...question, id, count: id });
    });
  }

  async play() {
    if (!this.about) return this.fail(NO_INSTRUMENT);
    if (!globalThis.AudioWorkletNode) return this.fail(NO_WORKLET);
    await super.play();
  }

  connect(context) {
    const { port1, port2 } = new MessageChannel();
    const { sample_rate, hop_length, n_harmonics, n_bands, max_noise_gain, directions } = this.about;
    super.connect(context);
    this.worker.postMessage({ port: port1 }, [port1]);
    const sizes = { sample_rate, hop_length, n_harmonics, n_bands, max_noise_gain, directions };
    this.node.port.postMessage({ sizes, port: port2 }, [port2]);
    this.recording.connected();
    this.strike();
  }

  // Keys that went down before all was there, and are still down.
  strike() {
    if (!this.node || !this.ready) return;
    for (const [note, velocity] of this.struck) this.worker.postMessage({ on: [note, velocity] });
    this.struck.clear();
  }

  pause() {
    this.microphone?.stop();
    this.hands?.releaseAll();
    this.recording?.stop();
    this.worker?.postMessage({ quiet: true });
    this.struck?.clear();
    const { node } = this;
    super.pause();
    if (node) setTimeout(() => (node.port.onmessage = null), FADE_MS);
    if (node) node.port.onmessage = ({ data }) => data.part && this.recording.take(data.part, data.last);
  }

  // Notes: `hands` calls these, once for each note that begins and ends.
  noteOn(note, velocity) {
    this.recording.note("on", note, velocity);
    this.struck.set(note, velocity);
    if (this.node) this.strike();
    else this.play();
    this.show();
  }

  noteOff(note) {
    this.recording.note("off", note);
    this.struck.delete(note);
    this.worker?.postMessage({ off: note });
    this.show();
  }

  // The note that a source holds becomes another one without a new attack, as a voice slides; it is recorded as two.
  slide(source, note, bend_semitones) {
    const before = this.hands.held.get(source);
    if (before === undefined) return;
    const { plain_velocity } = this.about;
    this.settings.bend_semitones = bend_semitones;
    this.recording.moved(bend_semitones, this.level());
    this.recording.note("on", note, plain_velocity);
    this.recording.note("off", before);
    this.hands.held.set(source, note);
    if (this.struck.delete(before)) this.struck.set(note, plain_velocity);
    this.worker?.postMessage({ slide: { before, note, bend_semitones } });
  }

  // All that is set, to the network's thread.
  send() {
    if (!this.ready || !this.about) return;
    const { order, partials, bands } = this.settings;
    const { n_harmonics, n_bands, orders } = this.about;
    const partial_mask = maskOf(orders[order].partials, partials, n_harmonics);
    const band_mask = maskOf(orders[order].bands, bands, n_bands);
    this.worker.postMessage({ partial_mask, band_mask });
    this.sendHands();
  }

  // What a singer changes many times a second: bend and levels alone.
  steer(changes) {
    Object.assign(this.settings, changes);
    if (this.ready && this.about) this.sendHands();
    this.show();
  }

  sendHands() {
    const { bend_semitones } = this.settings;
    const level_db = this.level();
    this.worker.postMessage({ bend_semitones, level_db });
    this.recording.moved(bend_semitones, level_db);
  }

  // How much louder all notes are than usual, dB: the slider, the wheel and the volume of MIDI and the singer together.
  level() {
    const { level_db, swell, volume_db, sung_db } = this.settings;
    return Math.min(Math.max(level_db + SWELL_DB * swell + volume_db + sung_db, QUIETEST_DB), LOUDEST_DB);
  }

  // The first view asks for the instrument, the last one lets it go with its threads.
  attach(view, signal) {
    if (!this.views.size) this.call();
    super.attach(view, signal);
    const leave = () => !this.views.size && this.leave();
    signal.addEventListener("abort", leave);
  }

  call() {
    this.model.on("msg:custom", this.receive);
    this.model.send({ type: "ready" });
    this.late = setTimeout(() => !this.about && this.fail(NO_INSTRUMENT), ANSWER_MS);
  }

  leave() {
    clearTimeout(this.late);
    this.model.off("msg:custom", this.receive);
    this.worker?.terminate();
    Object.assign(this, { worker: null, about: null, ready: false, pieces: [] });
    this.recording.forget();
  }
}

// The octave below that of the instrument's middle: with it the keys on the screen begin.
const octaveOf = ([low, high]) => Math.min(Math.max(Math.floor((low + high) / 24) - 2, LOWEST_OCTAVE), HIGHEST_OCTAVE);

const copyOf = ({ buffer, byteOffset, byteLength }) =>
  new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));

// A message's buffer is a view into the message: its bytes are copied.
function joinedPieces(pieces) {
  const bytes = new Uint8Array(pieces.reduce((n, piece) => n + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength), at);
    at += piece.byteLength;
  }
  return new Float32Array(bytes.buffer);
}

function maskOf(order, n_sounding, n) {
  const mask = new Float32Array(n);
  for (const i of order.slice(0, n_sounding)) mask[i] = 1;
  return mask;
}
