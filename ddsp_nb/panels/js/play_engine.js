import { Live } from "./live.js";
import { within } from "./math.js";
import { bytesOf, floatsOf } from "./page.js";
import { Hands } from "./play_hands.js";
import { HIGHEST_OCTAVE, LOWEST_OCTAVE } from "./play_keyboard.js";
import { Midi } from "./play_midi.js";
import { Microphone } from "./play_microphone.js";
import { NO_PART, noteOfSound, partOfSound, soundOf } from "./play_parts.js";
import { Performance } from "./play_performance.js";
import { Room } from "./play_room.js";

// In which a kernel that lives has sent the instrument.
const ANSWER_MS = 10_000;
// An instrument that has others is another one: nothing goes on.
const SIZES = ["sample_rate", "n_harmonics", "n_bands", "hop_length"];
// Of a modulation wheel that is turned all the way, or a key that is pressed hard.
const SWELL_DB = 12;
// Limits of all that makes notes softer or louder together.
const [QUIETEST_DB, LOUDEST_DB] = [-60, 24];
// Of a part that MIDI has told nothing.
const UNMOVED = { bend_semitones: 0, swell: 0, volume_decades: 0 };
const NO_SIMD =
  "This browser's WebAssembly has no SIMD, which the network needs. Use a current Chrome, Edge or Firefox.";
const NO_WORKLET = "This page has no AudioWorklet: open JupyterLab at localhost or over https, in a current browser.";
const NO_INSTRUMENT = "The instrument comes once the kernel is free. Was it stopped? Then run this cell again.";
const LOST = "The network stopped";

// The instrument in the page: its numbers, its two threads, what hands do to it and what is recorded of that.
export class Engine extends Live {
  constructor(model) {
    const growth = { order: "low", partials: 0, bands: 0 };
    const place = { room: model.get("room"), wet_db: model.get("wet_db") };
    const settings = { ...growth, ...place, level_db: 0, sung_db: 0, bend_semitones: 0, octave: 4, guesses: false };
    super({ name: "ddsp-play", text: WORKLET, settings, message: () => ({}), heard: (data) => this.hear(data) });
    Object.assign(this, { model, pieces: [], rooms: new Map(), struck: new Map(), ready: false, looks: new Set() });
    // What MIDI bends and swells, by part.
    this.parts = new Map([[NO_PART, { ...UNMOVED }]]);
    this.hands = new Hands(this);
    this.performance = new Performance(this);
    this.microphone = new Microphone(this);
    this.midi = new Midi(this);
    this.receive = this.receive.bind(this);
  }

  // Numbers come in pieces, then what they are; pages without a view keep nothing.
  receive(content, buffers) {
    if (!this.views.size) return;
    if (content.type === "numbers") {
      if (!content.offset) this.pieces = [];
      this.pieces.push(buffers[0]);
    } else if (content.type === "instrument") this.use(content, buffers[0]);
    else if (content.type === "rooms") {
      this.rooms = new Map(content.names.map((name, i) => [name, floatsOf(buffers[i])]));
      this.set({ room: this.model.get("room") });
    } else if (content.type === "timbre") this.playAs(floatsOf(...buffers));
    else if (content.type === "tuning") this.tune(content.tuning);
    else if (content.type === "said") this.said = content.words;
    else if (content.type === "midi") this.performance.midi = buffers[0];
    this.show();
  }

  use({ settings: about, layout }, wasm) {
    clearTimeout(this.late);
    const code = bytesOf(wasm);
    if (!globalThis.WebAssembly?.validate(code)) return this.fail(NO_SIMD);
    const weights = floatsOf(...this.pieces);
    this.pieces = [];
    if (!this.about || SIZES.some((size) => about[size] !== this.about[size])) this.makeRoom(about);
    Object.assign(this, { about, rate: about.sample_rate, wrong: "", timbre: null });
    this.worker ??= this.hire();
    this.worker.postMessage({ use: { wasm: code, settings: about, layout, weights } }, [weights.buffer]);
  }

  // For an instrument of another size: nothing of the one before can go on.
  makeRoom({ n_harmonics, n_bands, heard_notes }) {
    this.pause();
    this.worker?.terminate();
    Object.assign(this, { worker: null, ready: false });
    Object.assign(this.settings, { partials: n_harmonics, bands: n_bands, octave: octaveOf(heard_notes) });
  }

  hire() {
    const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = ({ data }) => this.hear(data);
    worker.onerror = ({ message }) => this.fail(`${LOST} (${message}). Run this cell again.`);
    return worker;
  }

  // What the threads say.
  hear({ ready, wrong, counts, seen }) {
    if (seen) requestAnimationFrame(() => ((this.asked = null), this.looks.forEach((look) => look(seen))));
    if (ready) this.begin();
    if (wrong) this.fail(`${LOST} (${wrong}). Run this cell again.`);
    if (counts) this.counted(counts);
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

  // What the audio thread has counted since it was asked last; for tests.
  count() {
    this.node?.port.postMessage({ count: true });
    return this.node && new Promise((answer) => (this.counted = answer));
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
    this.performance.listen();
    this.strike();
  }

  // The limiter is last; what a room adds is led to it, too.
  lead(node, destination) {
    this.limiter = new AudioWorkletNode(node.context, "ddsp-limiter", { outputChannelCount: [1] });
    node.connect(this.limiter).connect(destination);
    this.meter = this.limiter.connect(new AnalyserNode(node.context));
  }

  // Keys that went down before all was there, and are still down.
  strike() {
    if (!this.node || !this.ready) return;
    for (const [sound, velocity] of this.struck)
      this.worker.postMessage({ on: [noteOfSound(sound), velocity, partOfSound(sound)] });
    this.struck.clear();
  }

  pause() {
    this.microphone?.stop();
    this.hands?.releaseAll();
    this.performance?.stop();
    this.worker?.postMessage({ quiet: true });
    this.struck?.clear();
    this.leaveRoom();
    super.pause();
  }

  // Notes: `hands` calls these, once for each note that begins and ends.
  noteOn(note, velocity, part) {
    if (!this.parts.has(part)) this.tell(part, {});
    this.performance.note("on", note, velocity, part);
    this.struck.set(soundOf(note, part), velocity);
    if (this.node) this.strike();
    else this.play();
    this.show();
  }

  noteOff(note, part) {
    this.performance.note("off", note, part);
    this.struck.delete(soundOf(note, part));
    this.worker?.postMessage({ off: [note, part] });
    this.show();
  }

  // The note that a source of the page's own part holds becomes another one without a new attack, as a voice slides; it
  // is recorded as two.
  slide(source, note, bend_semitones) {
    const before = this.hands.held.get(source);
    if (before === undefined) return;
    const { plain_velocity } = this.about;
    this.settings.bend_semitones = bend_semitones;
    this.recordHands();
    this.performance.note("on", note, plain_velocity, NO_PART);
    this.performance.note("off", before, NO_PART);
    this.hands.held.set(source, note);
    if (this.struck.delete(before)) this.struck.set(note, plain_velocity);
    this.worker?.postMessage({ slide: { before, note, hands: this.moved() } });
  }

  // Into the room that is chosen, which Python is told, too.
  enterRoom() {
    const { room, wet_db } = this.settings;
    const impulse = this.rooms.get(room);
    if (this.room?.impulse !== impulse) this.leaveRoom();
    if (this.node && impulse?.length) this.room ??= new Room(this.node, this.limiter, impulse);
    this.room?.turn(10 ** (wet_db / 20));
    this.model.set({ room, wet_db });
    this.model.save_changes();
  }

  leaveRoom() {
    this.room?.leave();
    this.room = null;
  }

  // All that is set, to the network's thread.
  send() {
    this.enterRoom();
    if (!this.ready || !this.about) return;
    const { order, partials, bands } = this.settings;
    const { n_harmonics, n_bands, orders, tuning } = this.about;
    const first = orders[order];
    this.worker.postMessage({
      partial_mask: maskOf(first.partials, partials, n_harmonics),
      band_mask: maskOf(first.bands, bands, n_bands),
      tuning,
    });
    if (this.timbre) this.worker.postMessage(this.timbre);
    this.sendHands();
  }

  // In another timbre, from the next hop on: [code_size + n_bands] numbers, and what else its instrument is used to, by
  // the names of `about`.
  playAs(timbre, habits = {}) {
    if (!this.about) return;
    this.timbre = { timbre, habits };
    Object.assign(this.about, habits);
    if (this.ready) this.worker.postMessage(this.timbre);
    this.show();
  }

  tune(tuning) {
    if (!this.about) return;
    this.about.tuning = tuning;
    this.send();
  }

  // What a singer changes many times a second: bend and levels alone.
  steer(changes) {
    Object.assign(this.settings, changes);
    if (this.ready && this.about) this.sendHands();
    this.show();
  }

  // What MIDI tells one part alone.
  tell(part, changes) {
    this.parts.set(part, { ...UNMOVED, ...this.parts.get(part), ...changes });
    if (this.ready && this.about) this.sendHands();
    this.show();
  }

  sendHands() {
    this.worker.postMessage({ hands: this.moved() });
    this.recordHands();
  }

  recordHands() {
    for (const hand of this.moved()) this.performance.moved(...hand);
  }

  // [part, semitones that it is bent by, dB that it is louder by than usual] of each: the sliders and the singer, and
  // what MIDI tells it.
  moved() {
    const { level_db, sung_db, bend_semitones } = this.settings;
    return [...this.parts].map(([part, its]) => {
      const volume_db = (this.about?.db_per_decade ?? 0) * its.volume_decades;
      const louder_db = level_db + sung_db + volume_db + SWELL_DB * its.swell;
      return [part, bend_semitones + its.bend_semitones, within(louder_db, QUIETEST_DB, LOUDEST_DB)];
    });
  }

  // The first view asks for the instrument, the last one lets it go with its threads.
  attach(view, signal) {
    if (!this.views.size) this.call();
    super.attach(view, signal);
    signal.addEventListener("abort", () => !this.views.size && this.leave());
  }

  call() {
    this.model.on("msg:custom", this.receive);
    this.model.send({ type: "ready" });
    this.late = setTimeout(() => !this.about && this.fail(NO_INSTRUMENT), ANSWER_MS);
  }

  leave() {
    clearTimeout(this.late);
    this.midi.close();
    this.model.off("msg:custom", this.receive);
    this.worker?.terminate();
    Object.assign(this, { worker: null, about: null, ready: false, pieces: [] });
    this.performance.forget();
  }
}

// With it the keys on the screen begin: the instrument's middle is about an octave above.
const octaveOf = ([low, high]) => within(Math.round((low + high) / 24) - 2, LOWEST_OCTAVE, HIGHEST_OCTAVE);

function maskOf(order, n_sounding, n) {
  const mask = new Float32Array(n);
  for (const i of order.slice(0, n_sounding)) mask[i] = 1;
  return mask;
}
