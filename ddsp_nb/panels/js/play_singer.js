import { midiOfHz, within } from "./math.js";
import { hzOfKey } from "./play_parts.js";

// Semitones from the key of a note: up to the first it is bent, and a vibrato stays within; no vibrato reaches the second.
const [NEAR_SEMITONES, LEAP_SEMITONES] = [0.7, 1.5];
// Windows of 12 ms beyond each of them after which another key is meant.
const [FAR_WINDOWS, LEAP_WINDOWS] = [5, 2];
// Shorter gaps without a pitch are within a note.
const SILENT_WINDOWS = 3;
// The level of the last 8 s counts as the usual one, and these are the limits beside it.
const USUAL_WINDOWS = 690;
const [SOFTEST_DB, LOUDEST_SUNG_DB] = [-30, 12];
// Finer ones are not heard.
const [BEND_STEPS_A_SEMITONE, LEVEL_STEPS_A_DB] = [100, 10];
// Of `Hands`: the microphone holds one note.
const SOURCE = "microphone";

// What is sung as notes of the instrument: one that begins, bends, slides to the next key and ends.
export class Singer {
  // engine: `Engine`, of which this uses about, hands, steer, slide.
  constructor(engine) {
    Object.assign(this, { engine, note: null, octaves: null, usual_db: null, n_heard: 0, n_far: 0, n_silent: 0 });
  }

  // One window of `PitchTracker`.
  follow({ f0_hz, level_db }) {
    if (!f0_hz) return this.wait();
    this.n_silent = 0;
    const sung = midiOfHz(f0_hz);
    this.octaves ??= this.octavesTo(sung);
    this.move(sung + 12 * this.octaves, this.beside(level_db));
  }

  // Whole octaves from the first note to the middle of what the instrument's recording had; kept from then on.
  octavesTo(sung) {
    const [low, high] = this.engine.about.heard_notes;
    return Math.round(((low + high) / 2 - sung) / 12);
  }

  // Level beside the usual one of this singer and microphone, dB: the mean of what was sung, the latest most.
  beside(level_db) {
    this.n_heard = Math.min(this.n_heard + 1, USUAL_WINDOWS);
    this.usual_db = (this.usual_db ?? level_db) + (level_db - (this.usual_db ?? level_db)) / this.n_heard;
    return within(level_db - this.usual_db, SOFTEST_DB, LOUDEST_SUNG_DB);
  }

  move(pitch, beside_db) {
    const { engine } = this;
    const sung_db = rounded(beside_db, LEVEL_STEPS_A_DB);
    const before = this.note;
    if (before === null || this.isElsewhere(pitch)) this.note = keyOf(pitch);
    const bend_semitones = rounded(pitch - midiOfHz(hzOfKey(engine.about.tuning, this.note)), BEND_STEPS_A_SEMITONE);
    if (before !== null && before !== this.note) engine.slide(SOURCE, this.note, bend_semitones);
    engine.steer({ bend_semitones, sung_db });
    if (before === null) engine.hands.press(SOURCE, this.note, engine.about.plain_velocity);
  }

  // Whether another key has been meant for a while.
  isElsewhere(pitch) {
    const away = Math.abs(pitch - this.note);
    this.n_far = away > NEAR_SEMITONES ? this.n_far + 1 : 0;
    const elsewhere = this.n_far >= (away > LEAP_SEMITONES ? LEAP_WINDOWS : FAR_WINDOWS);
    if (elsewhere) this.n_far = 0;
    return elsewhere;
  }

  wait() {
    if (this.note !== null && ++this.n_silent >= SILENT_WINDOWS) this.end();
  }

  // The bend stays until the next note, so that this one fades at its pitch.
  end() {
    Object.assign(this, { note: null, n_far: 0 });
    this.engine.hands.release(SOURCE);
  }
}

const keyOf = (pitch) => within(Math.round(pitch), 0, 127);
const rounded = (x, steps) => Math.round(x * steps) / steps;
