// The harmonics of one pitch. Between two frames pitch and amplitudes move linearly, as `render_hop` does it in Python.
// Amplitude below which the highest harmonics need not be computed.
const INAUDIBLE = 1e-9;

export class Harmonics {
  constructor(sample_rate, n_harmonics) {
    const line = () => new Float64Array(n_harmonics);
    Object.assign(this, { sample_rate, n_harmonics, folds: false });
    Object.assign(this, { sin_from: line(), cos_from: line(), sin_to: line(), cos_to: line() });
    // Silence, at no pitch yet.
    Object.assign(this, { phase: 0, hz_from: 0, hz_to: 0, top_from: 0, top_to: 0, at: 0, length: 0 });
  }

  // The frame that is reached is the one to leave from; the next one is `length` samples away.
  leave(length) {
    this.phase += ((this.hz_from + this.hz_to) / 2 / this.sample_rate) * this.length;
    this.phase -= Math.floor(this.phase);
    [this.sin_from, this.sin_to] = [this.sin_to, this.sin_from];
    [this.cos_from, this.cos_to] = [this.cos_to, this.cos_from];
    Object.assign(this, { at: 0, length, hz_from: this.hz_to, top_from: this.top_to });
  }

  // The next frame: a pitch, and for each harmonic its amplitude and where in its period it is (sine and cosine).
  aim(hz, amplitudes, directions) {
    this.hz_from ||= hz;
    this.hz_to = hz;
    this.top_to = 0;
    for (let k = 0; k < this.n_harmonics; k++) {
      this.sin_to[k] = amplitudes[k] * directions[2 * k];
      this.cos_to[k] = amplitudes[k] * directions[2 * k + 1];
      if (amplitudes[k] > INAUDIBLE) this.top_to = k + 1;
    }
  }

  // The next frame is as the one before, or silent at the same pitch.
  stay() {
    this.sin_to.set(this.sin_from);
    this.cos_to.set(this.cos_from);
  }

  silence() {
    this.sin_to.fill(0);
    this.cos_to.fill(0);
    this.top_to = 0;
  }

  // Add n samples of the way to out, which may be all that is left of it or less. sin kx and cos kx come from the two
  // before: f(k) = 2 cos x f(k-1) - f(k-2). A harmonic is silent at each sample at which it lies at or above half the
  // sample rate, unless it is asked to fold back there.
  add(out, begin, n) {
    const { sin_from, cos_from, sin_to, cos_to, length, sample_rate, phase } = this;
    const highest = Math.max(this.top_from, this.top_to);
    const slope = this.hz_to - this.hz_from;
    for (let i = begin; i < begin + n; i++, this.at++) {
      const t = this.at / length;
      const hz = this.hz_from + t * slope;
      const x = 2 * Math.PI * (phase + (this.at * (this.hz_from + (t * slope) / 2)) / sample_rate);
      const top = this.folds ? highest : Math.min(highest, Math.ceil(sample_rate / 2 / hz) - 1);
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
