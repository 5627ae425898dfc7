import { save } from "./page.js";
import { midiFile, waveFile } from "./play_files.js";

const LONGEST_S = 600; // samples of ten minutes take 100 MB

// What is played, from Record to Stop: samples as they were heard, and events with their seconds, which the kernel gets.
//   engine: `Engine`, of which this uses node, rate, model and show.
export class Recording {
  constructor(engine) {
    Object.assign(this, { engine, running: false, parts: [], events: [], n_samples: 0, done: false });
  }

  get seconds() {
    return this.n_samples / this.engine.rate;
  }

  start() {
    Object.assign(this, { running: true, done: false, parts: [], events: [], n_samples: 0 });
    this.begun_s = null;
    if (this.engine.node) this.connected();
    this.moved(this.engine.settings.bend_semitones, this.engine.level());
    this.engine.show();
  }

  // From now on there is sound to keep.
  connected() {
    if (!this.running) return;
    this.clock();
    this.engine.node.port.postMessage({ record: true });
  }

  // Seconds since the first sample that is kept; notes that are held before the sound begins are at 0.
  clock() {
    const now = this.engine.node?.context.currentTime;
    if (now === undefined) return 0;
    this.begun_s ??= now;
    return now - this.begun_s;
  }

  note(kind, note, velocity) {
    if (this.running) this.events.push(velocity ? [this.clock(), kind, note, velocity] : [this.clock(), kind, note]);
  }

  moved(bend_semitones, level_db) {
    if (!this.running) return;
    const last = (kind) => this.events.findLast((event) => event[1] === kind)?.[2] ?? 0;
    if (last("bend") !== bend_semitones) this.events.push([this.clock(), "bend", bend_semitones]);
    if (last("level") !== level_db) this.events.push([this.clock(), "level", level_db]);
  }

  take(part, last) {
    this.parts.push(part);
    this.n_samples += part.length;
    if (this.running && this.seconds > LONGEST_S) this.stop();
    if (last) this.done = this.n_samples > 0;
    this.engine.show();
  }

  stop() {
    if (!this.running) return;
    this.running = false;
    this.engine.node?.port.postMessage({ record: false });
    const seconds = this.clock();
    this.engine.model.send({ type: "performance", events: this.events, seconds });
    this.engine.show();
  }

  saveWave() {
    save("played.wav", waveFile(this.parts, this.engine.rate));
  }

  saveMidi() {
    save("played.mid", midiFile(this.events));
  }

  forget() {
    Object.assign(this, { parts: [], events: [], n_samples: 0, done: false });
  }
}
