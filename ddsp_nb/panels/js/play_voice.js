import { Harmonics } from "./dsp/harmonics.js";
import { ROW_HEAD } from "./play_frames.js";

// A voice of the instrument in the audio thread: it sounds from one frame to the next, which come from the network.

// Where no frames have come for so long, the voice falls silent, and no note is stuck.
const LONGEST_WAIT_S = 0.25;

export class Voice extends Harmonics {
  // sizes: { sample_rate, hop_length, n_harmonics, n_bands, directions [n_harmonics, 2] }
  constructor(sizes) {
    super(sizes.sample_rate, sizes.n_harmonics);
    // Gains are those of the next frame.
    Object.assign(this, sizes, { queue: [], gains: new Float32Array(sizes.n_bands), waited: 0, asked: 0, newest: 0 });
    // The last frame may be the next one, known of, or played.
    Object.assign(this, { last: false, complete: false, over: false });
  }

  // A frame for later, or another version of one that waits.
  take(row) {
    if (row[3] <= this.newest) return this.replace(row);
    this.newest = row[3];
    this.queue.push(row);
    this.asked = Math.max(0, this.asked - 1);
    this.complete ||= row[2] === 1;
  }

  replace(row) {
    const at = this.queue.findIndex((waiting) => waiting[3] === row[3]);
    if (at >= 0) this.queue[at] = row;
  }

  // Whether fewer frames than wanted are waiting or on their way; then one more is asked for.
  lacks(n_frames) {
    const lacking = !this.complete && this.queue.length + this.asked < n_frames;
    if (lacking) this.asked++;
    return lacking;
  }

  // Add the next samples; true where a frame was missing.
  render(out) {
    let starved = false;
    for (let i = 0; i < out.length && !this.over;) {
      if (this.at >= this.length) starved = this.nextFrame(out.length - i) || starved;
      const n = Math.min(out.length - i, this.length - this.at);
      if (!this.over) this.add(out, i, n);
      i += n;
    }
    return starved;
  }

  // Begin the way to the next frame; without one, stay where it is for `wait` samples.
  nextFrame(wait) {
    this.over = this.last;
    if (this.over) return false;
    const row = this.queue.shift();
    this.leave(row ? this.hop_length : wait);
    if (row) this.follow(row);
    else this.wait();
    return !row;
  }

  follow(row) {
    this.waited = 0;
    this.last = row[2] === 1;
    const levels = row.subarray(ROW_HEAD);
    this.aim(row[1], levels, this.directions);
    this.gains.set(levels.subarray(this.n_harmonics));
  }

  wait() {
    this.waited += this.length;
    if (this.waited <= LONGEST_WAIT_S * this.sample_rate) return this.stay();
    this.silence();
    this.gains.fill(0);
    Object.assign(this, { length: this.hop_length, last: true, complete: true });
  }
}
