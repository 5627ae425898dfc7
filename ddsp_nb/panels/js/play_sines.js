import { ROW_HEAD } from "./play_frames.js";

// The sines of one voice, hop by hop: `render_hop` of Python. Between two frames pitch and amplitudes move linearly.
const LONGEST_WAIT_S = 0.25; // for frames that do not come: then the voice falls silent, and no note is stuck
const INAUDIBLE = 1e-9; // amplitude below which the highest partials need not be computed

export class Sines {
  // sizes: { sample_rate, hop_length, n_harmonics, n_bands, directions [n_harmonics, 2] }
  constructor(sizes) {
    Object.assign(this, sizes);
    const line = () => new Float64Array(this.n_harmonics);
    Object.assign(this, { sin_from: line(), cos_from: line(), sin_to: line(), cos_to: line() });
    this.gains = new Float32Array(this.n_bands); // of the noise at the frame to which it moves
    this.queue = [];
    this.begin();
  }

  begin() {
    for (const numbers of [this.sin_to, this.cos_to, this.gains]) numbers.fill(0);
    this.queue.length = 0;
    Object.assign(this, { phase: 0, at: 0, length: 0, waited: 0, asked: 0, top: 0 });
    Object.assign(this, { last: false, complete: false, over: false }); // the last frame: under way, known of, played
    this.hz_from = this.hz_to = 0;
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
    [this.sin_from, this.sin_to] = [this.sin_to, this.sin_from];
    [this.cos_from, this.cos_to] = [this.cos_to, this.cos_from];
    this.phase += ((this.hz_from + this.hz_to) / 2 / this.sample_rate) * this.length;
    this.phase -= Math.floor(this.phase);
    Object.assign(this, { at: 0, hz_from: this.hz_to, over: this.last });
    if (this.over) return false;
    const row = this.queue.shift();
    if (row) this.aim(row);
    else this.stay(wait);
    return !row;
  }

  aim(row) {
    const { n_harmonics, directions } = this;
    this.length = this.hop_length;
    this.waited = 0;
    this.hz_to = row[1];
    this.hz_from ||= row[1];
    this.last = row[2] === 1;
    const top_before = this.top;
    this.top = 0;
    for (let k = 0; k < n_harmonics; k++) {
      const amplitude = row[ROW_HEAD + k];
      this.sin_to[k] = amplitude * directions[2 * k];
      this.cos_to[k] = amplitude * directions[2 * k + 1];
      if (amplitude > INAUDIBLE) this.top = k + 1;
    }
    this.highest = Math.max(this.top, top_before);
    this.gains.set(row.subarray(ROW_HEAD + n_harmonics, ROW_HEAD + n_harmonics + this.n_bands));
  }

  stay(wait) {
    this.waited += wait;
    this.length = wait;
    this.highest = this.top;
    if (this.waited > LONGEST_WAIT_S * this.sample_rate) return this.fade();
    this.sin_to.set(this.sin_from);
    this.cos_to.set(this.cos_from);
  }

  fade() {
    for (const numbers of [this.sin_to, this.cos_to, this.gains]) numbers.fill(0);
    Object.assign(this, { length: this.hop_length, last: true, complete: true, top: 0 });
  }

  // n samples of this hop. sin kx and cos kx come from the two before: f(k) = 2 cos x f(k-1) - f(k-2). A partial is
  // silent at each sample at which it lies at or above half the sample rate.
  add(out, begin, n) {
    const { sin_from, cos_from, sin_to, cos_to, length, sample_rate, phase, highest } = this;
    const slope = this.hz_to - this.hz_from;
    for (let i = begin; i < begin + n; i++, this.at++) {
      const t = this.at / length;
      const hz = this.hz_from + t * slope;
      const x = 2 * Math.PI * (phase + (this.at * (this.hz_from + (t * slope) / 2)) / sample_rate);
      const top = Math.min(highest, Math.ceil(sample_rate / 2 / hz) - 1);
      let [sin, cos, sin_before, cos_before] = [Math.sin(x), Math.cos(x), 0, 1];
      const twice = 2 * cos;
      let [from, to] = [0, 0];
      for (let k = 0; k < top; k++) {
        from += sin_from[k] * sin + cos_from[k] * cos;
        to += sin_to[k] * sin + cos_to[k] * cos;
        const [sin_next, cos_next] = [twice * sin - sin_before, twice * cos - cos_before];
        sin_before = sin;
        cos_before = cos;
        sin = sin_next;
        cos = cos_next;
      }
      out[i] += from + t * (to - from);
    }
  }
}
