import { A4_HZ, hzOfMidi } from "./math.js";
import { hzOfKey, NO_PART } from "./play_parts.js";
import { AHEAD, MOST_AHEAD, ROW_HEAD, rowWidth } from "./play_frames.js";
import { MOST_AT_ONCE } from "./play_network.js";

// Notes that are played, each from its key to its silence, and their frames: what `voices.py` and `stream.py` do in
// Python. Frames are hop_length samples apart, and every voice counts from its own beginning, so none waits for others.
export class Voices {
  constructor(network) {
    // Frames of a voice that may wait in the audio thread.
    this.ahead = AHEAD;
    Object.assign(this, { network, list: [], newest: 0, bends_semitones: new Map(), levels_db: new Map() });
    const { n_harmonics, n_bands } = network.settings;
    this.partial_mask = new Float32Array(n_harmonics).fill(1);
    this.band_mask = new Float32Array(n_bands).fill(1);
  }

  // Go on with another network: what sounds keeps its memory where that has the same shape.
  use(network) {
    const size = network.rest().length;
    for (const voice of this.list) {
      if (voice.state.length !== size) voice.state = network.rest();
      voice.kept = [];
    }
    this.network = network;
  }

  noteOn(note, velocity, part = NO_PART) {
    this.noteOff(note, part);
    this.makeRoom();
    const { plain_velocity, db_per_decade } = this.network.settings;
    const level_db = db_per_decade * Math.log10(velocity / plain_velocity);
    const begun = { held_s: 0, released_s: 0, held: true, stolen: false, n_frames: 0, kept: [] };
    const voice = { number: ++this.newest, note, part, level_db, ...begun, state: this.network.rest() };
    this.list.push(voice);
    return voice;
  }

  noteOff(note, part = NO_PART) {
    for (const voice of this.list) voice.held &&= voice.note !== note || voice.part !== part;
  }

  // What parts are bent and louder by: [[part, semitones, dB], ...].
  move(hands) {
    for (const [part, bend_semitones, level_db] of hands) {
      this.bends_semitones.set(part, bend_semitones);
      this.levels_db.set(part, level_db);
    }
  }

  // A held note goes on as another one, with its bend, so that pitch is continuous. It begins to sink again, but has no
  // new attack.
  slide({ before, note, hands }) {
    this.move(hands);
    for (const voice of this.list)
      if (voice.note === before && voice.part === NO_PART && voice.held)
        Object.assign(voice, { note, held_s: Math.min(voice.held_s, this.network.settings.attack_s) });
  }

  allOff() {
    for (const voice of this.list) voice.held = false;
  }

  // Take the voice that is missed least: the oldest released one, else the oldest; the list is in order of age.
  makeRoom() {
    const { n_voices } = this.network.settings;
    const sounding = this.list.filter((voice) => !voice.stolen);
    if (sounding.length < n_voices) return;
    const loser = sounding.find((voice) => !voice.held) ?? sounding[0];
    Object.assign(loser, { stolen: true, held: false });
  }

  // Move a voice on by a frame: its loudness there. One that is stolen goes through its release in 10 ms.
  nextLoudness(voice) {
    const { hop_s, release_s, stolen_s, rise_db, usual_db } = this.network.settings;
    if (voice.held) voice.held_s += hop_s;
    else voice.released_s += voice.stolen ? (hop_s * release_s) / stolen_s : hop_s;
    const shape_db = shapeOf(this.network.settings, voice);
    voice.ended = !voice.held && shape_db < -rise_db;
    return voice.level_db + shape_db + usual_db + (this.levels_db.get(voice.part) ?? 0);
  }

  hzOf({ note, part }) {
    const { highest_hz, tuning } = this.network.settings;
    const bend = 2 ** ((this.bends_semitones.get(part) ?? 0) / 12);
    // A note whose key plays nothing since the tuning changed dies away.
    return Math.fround(Math.min((hzOfKey(tuning, note) ?? hzOfMidi(note)) * bend, highest_hz));
  }

  // The next frames of the voices with these numbers, as one array of rows.
  frames(numbers) {
    const width = rowWidth(this.network.settings);
    const rows = new Float32Array(width * numbers.length);
    const asked = numbers.map((number, i) => {
      rows[i * width] = number;
      return [number, rows.subarray(i * width, (i + 1) * width)];
    });
    while (asked.length) this.fill(nextBatch(asked));
    this.list = this.list.filter((voice) => !voice.ended);
    return rows;
  }

  // Another timbre, and habits of its instrument. Returns what waits for its turn, as rows in that timbre.
  playAs({ timbre, habits }) {
    Object.assign(this.network.settings, habits);
    this.network.playAs(timbre);
    const width = rowWidth(this.network.settings);
    const kept = this.list.flatMap((voice) => voice.kept.slice(-this.ahead));
    const rows = new Float32Array(width * kept.length);
    const asked = kept.map((frame, i) => [{ ...frame, state: frame.state.slice() }, rows.subarray(i * width)]);
    for (const [{ number, f0_hz, n_frames }, row] of asked) row.set([number, f0_hz, 0, n_frames]);
    while (asked.length) this.answer(asked.splice(0, MOST_AT_ONCE));
    return rows;
  }

  // Rows of voices that sound; one that is not there any more has an empty last row.
  fill(batch) {
    const asked = batch.map(([number, row]) => [this.list.find((voice) => voice.number === number), row]);
    for (const [voice, row] of asked) {
      row.set([voice ? this.hzOf(voice) : A4_HZ, 1, Infinity], 1);
      if (!voice) continue;
      const loudness_db = this.nextLoudness(voice);
      Object.assign(voice, { f0_hz: row[1], loudness_db, age_s: voice.held_s + voice.released_s });
      row.set([voice.ended ? 1 : 0, ++voice.n_frames], 2);
      const { number, f0_hz, age_s, n_frames, state } = voice;
      voice.kept.push({ number, f0_hz, loudness_db, age_s, n_frames, state: state.slice() });
      voice.kept.splice(0, voice.kept.length - MOST_AHEAD);
    }
    const sounding = asked.filter(([voice]) => voice && !voice.ended);
    if (sounding.length) this.answer(sounding);
  }

  // Levels of frames, into their rows.
  answer(sounding) {
    const { n_harmonics, n_bands } = this.network.settings;
    this.network.step(sounding.map(([frame]) => frame));
    sounding.forEach(([, row], i) => {
      const levels = row.subarray(ROW_HEAD);
      masked(levels, 0, this.network.amplitudes, i * n_harmonics, this.partial_mask);
      masked(levels, n_harmonics, this.network.gains, i * n_bands, this.band_mask);
    });
  }
}

// Level of a note beside the one it was struck with, dB: `Articulation.level_db` of Python.
function shapeOf({ rise_db, attack_s, decay_db_per_s, sinking_s, release_s }, { held_s, released_s }) {
  const attack_db = Math.max(10 * Math.log10(Math.min(held_s / attack_s, 1)), -rise_db);
  const sunk_db = decay_db_per_s * Math.min(Math.max(held_s - attack_s, 0), sinking_s);
  return attack_db - sunk_db - (rise_db * released_s) / release_s;
}

// Take from the front what can be computed together: one frame of each voice, since a second one comes after the first.
function nextBatch(asked) {
  const numbers = new Set();
  while (numbers.size < Math.min(MOST_AT_ONCE, asked.length) && !numbers.has(asked[numbers.size][0]))
    numbers.add(asked[numbers.size][0]);
  return asked.splice(0, numbers.size);
}

function masked(to, at, from, begin, mask) {
  for (let i = 0; i < mask.length; i++) to[at + i] = mask[i] * from[begin + i];
}
