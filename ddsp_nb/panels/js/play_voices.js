import { ROW_HEAD, rowWidth } from "./play_frames.js";
import { MOST_AT_ONCE } from "./play_network.js";

// Notes that are played, each from its key to its silence, and their frames: what `voices.py` and `stream.py` do in
// Python. Frames are hop_length samples apart, and every voice counts from its own beginning, so none waits for others.
export class Voices {
  constructor(network) {
    Object.assign(this, { network, list: [], newest: 0, bend_semitones: 0, level_db: 0 });
    const { n_harmonics, n_bands } = network.settings;
    this.partial_mask = new Float32Array(n_harmonics).fill(1);
    this.band_mask = new Float32Array(n_bands).fill(1);
  }

  // Go on with another network: what sounds keeps its memory where that has the same shape.
  use(network) {
    const size = network.rest().length;
    for (const voice of this.list) if (voice.state.length !== size) voice.state = network.rest();
    this.network = network;
  }

  noteOn(note, velocity) {
    this.noteOff(note);
    this.makeRoom();
    const { plain_velocity, db_per_velocity, rise_db } = this.network.settings;
    const level_db = db_per_velocity * (velocity - plain_velocity);
    const shape = { shape_db: -rise_db, decay_db: 0, fall_s: null, stolen: false };
    const voice = { number: ++this.newest, note, level_db, ...shape, state: this.network.rest() };
    this.list.push(voice);
    return voice;
  }

  noteOff(note) {
    for (const voice of this.list) if (voice.note === note) this.release(voice);
  }

  // A held note goes on as another one, with its bend, so that pitch is continuous; it has not sunk yet.
  slide({ before, note, bend_semitones }) {
    this.bend_semitones = bend_semitones;
    for (const voice of this.list)
      if (voice.note === before && voice.fall_s === null) Object.assign(voice, { note, decay_db: 0 });
  }

  allOff() {
    for (const voice of this.list) this.release(voice);
  }

  release(voice) {
    voice.fall_s ??= this.network.settings.release_s;
  }

  // Take the voice that is missed least: the oldest released one, else the oldest; the list is in order of age.
  makeRoom() {
    const { n_voices, stolen_s } = this.network.settings;
    const sounding = this.list.filter((voice) => !voice.stolen);
    if (sounding.length < n_voices) return;
    const loser = sounding.find((voice) => voice.fall_s !== null) ?? sounding[0];
    Object.assign(loser, { stolen: true, fall_s: stolen_s });
  }

  // Move a voice on by a frame: its loudness there.
  nextLoudness(voice) {
    const { hop_s, attack_s, rise_db, decay_db_per_s, max_decay_db, usual_db } = this.network.settings;
    if (voice.fall_s === null) {
      voice.shape_db = Math.min(voice.shape_db + (rise_db * hop_s) / attack_s, 0);
      voice.decay_db = Math.min(voice.decay_db + decay_db_per_s * hop_s, max_decay_db);
    } else voice.shape_db -= (rise_db * hop_s) / voice.fall_s;
    return voice.level_db + voice.shape_db - voice.decay_db + usual_db + this.level_db;
  }

  hzOf(note) {
    const { highest_hz } = this.network.settings;
    return Math.fround(Math.min(440 * 2 ** ((note + this.bend_semitones - 69) / 12), highest_hz));
  }

  // The next frames of the voices with these numbers, as one array of rows, into `room` if it is large enough.
  frames(numbers, room) {
    const width = rowWidth(this.network.settings);
    const n_bytes = 4 * width * numbers.length;
    const fits = room && room.byteLength >= n_bytes;
    const rows = new Float32Array(fits ? room : new ArrayBuffer(n_bytes), 0, width * numbers.length);
    rows.fill(0);
    const asked = numbers.map((number, i) => {
      rows[i * width] = number;
      return [number, rows.subarray(i * width, (i + 1) * width)];
    });
    while (asked.length) this.fill(nextBatch(asked));
    this.list = this.list.filter((voice) => !voice.ended);
    return rows;
  }

  // Rows of voices that sound; one that is not there any more has an empty last row.
  fill(batch) {
    const asked = batch.map(([number, row]) => [this.list.find((voice) => voice.number === number), row]);
    const { n_harmonics, n_bands, rise_db } = this.network.settings;
    for (const [voice, row] of asked) {
      row[1] = voice ? this.hzOf(voice.note) : 440;
      row[2] = 1;
      if (!voice) continue;
      Object.assign(voice, { f0_hz: row[1], loudness_db: this.nextLoudness(voice) });
      voice.ended = voice.fall_s !== null && voice.shape_db < -rise_db;
      row[2] = voice.ended ? 1 : 0;
    }
    const sounding = asked.filter(([voice]) => voice && !voice.ended);
    if (!sounding.length) return;
    this.network.step(sounding.map(([voice]) => voice));
    sounding.forEach(([, row], i) => {
      const levels = row.subarray(ROW_HEAD);
      masked(levels, 0, this.network.amplitudes, i * n_harmonics, this.partial_mask);
      masked(levels, n_harmonics, this.network.gains, i * n_bands, this.band_mask);
    });
  }
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
