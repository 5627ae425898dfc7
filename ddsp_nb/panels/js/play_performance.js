import { listener } from "./audio.js";
import { save } from "./page.js";
import { waveFile } from "./wave_file.js";

// The samples of ten minutes take 100 MB.
const LONGEST_S = 600;

// What is played from Record to Stop: samples as they were heard, and events with their seconds, of which the kernel
// makes its `Performance` and a MIDI file.
//   engine: `Engine`, of which this uses node, limiter, rate, recordHands, model and show.
export class Performance {
  constructor(engine) {
    Object.assign(this, { engine, running: false });
    this.forget();
  }

  forget() {
    Object.assign(this, { parts: [], events: [], n_samples: 0, begun_s: null, recorded: false, midi: null });
    // What parts were bent and louder by last.
    this.told = new Map();
  }

  get seconds() {
    return this.n_samples / this.engine.rate;
  }

  start() {
    this.forget();
    this.running = true;
    if (this.engine.node) this.listen();
    this.engine.recordHands();
    this.engine.show();
  }

  // From now on there is sound to keep.
  listen() {
    if (!this.running) return;
    this.clock();
    this.recorder = listener(this.engine.limiter, "ddsp-recorder", (heard) => this.take(heard));
  }

  // Seconds since the first sample that is kept; notes that are held before the sound begins are at 0.
  clock() {
    const now = this.engine.node?.context.currentTime;
    if (now === undefined) return 0;
    this.begun_s ??= now;
    return now - this.begun_s;
  }

  note(...event) {
    if (this.running) this.events.push([this.clock(), ...event]);
  }

  moved(part, bend_semitones, level_db) {
    for (const [kind, value] of Object.entries({ bend: bend_semitones, level: level_db })) {
      const what = `${kind} ${part}`;
      if ((this.told.get(what) ?? 0) === value) continue;
      this.told.set(what, value);
      this.note(kind, value, part);
    }
  }

  take({ part, last }) {
    this.parts.push(part);
    this.n_samples += part.length;
    if (this.running && this.seconds > LONGEST_S) this.stop();
    this.recorded ||= last && this.n_samples > 0;
    this.engine.show();
  }

  stop() {
    if (!this.running) return;
    this.running = false;
    this.recorder?.port.postMessage("stop");
    this.recorder = null;
    this.engine.model.send({ type: "performance", events: this.events, seconds: this.clock() });
    this.engine.show();
  }

  has(kind) {
    return !this.running && Boolean(kind === "WAV" ? this.recorded : this.midi);
  }

  save(kind) {
    if (kind === "WAV") save("played.wav", waveFile(this.parts, this.engine.rate));
    else save("played.mid", this.midi);
  }
}
