// A tone of 64 sines in the audio thread. Messages: { tone: { amplitudes, hz, cents, rate, wall }, sweep, end }.
// While it sweeps, it says where it is: { hz }, and { hz: null } at the end.
const HARMONICS = 64;
const SMOOTH_S = 0.01; // changes and fades take about this long, so that nothing clicks
const SWEEP_S = 6; // three octaves up, and back
const TAPER_HZ = 500; // below the wall: a harmonic fades out before it gets there
const REPORT_S = 0.04;

class DrawbarsWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.phase = 0; // of the first harmonic, in periods
    this.swing = 0; // of the vibrato, in periods
    this.gate = 0;
    this.levels = new Float64Array(HARMONICS); // smoothed
    this.before = new Float64Array(HARMONICS); // at the begin and the end of a block: between, they move evenly
    this.after = new Float64Array(HARMONICS);
    this.port.onmessage = ({ data }) => this.hear(data);
  }

  hear({ tone, sweep, end }) {
    if (tone && !this.tone) {
      this.levels.set(tone.amplitudes);
      this.base = this.hz = tone.hz;
    }
    this.tone = tone ?? this.tone;
    this.ending ||= end;
    if (sweep !== undefined) [this.swept, this.reported] = sweep ? [0, -1] : [null, 0];
  }

  process(_, [[out]]) {
    if (!this.tone) return !this.ending;
    const seconds = out.length / sampleRate;
    const from = this.hz;
    this.hz = this.nextPitch(seconds);
    this.gate = Math.min(1, Math.max(0, this.gate + ((this.ending ? -1 : 1) * seconds) / SMOOTH_S));
    this.nextLevels(1 - Math.exp(-seconds / SMOOTH_S));
    this.render(out, from / sampleRate, this.hz / sampleRate);
    return this.gate > 0;
  }

  nextPitch(seconds) {
    const { hz, cents, rate } = this.tone;
    this.base += (1 - Math.exp(-seconds / SMOOTH_S)) * (hz - this.base);
    this.swing = (this.swing + rate * seconds) % 1;
    const swung = this.base * 2 ** ((cents / 1200) * Math.sin(2 * Math.PI * this.swing));
    return typeof this.swept === "number" ? swung * 2 ** this.nextOctaves(seconds) : swung;
  }

  nextOctaves(seconds) {
    this.swept += seconds;
    const over = this.swept >= SWEEP_S;
    const octaves = over ? 0 : 3 * (1 - Math.abs(1 - (2 * this.swept) / SWEEP_S));
    if (over || this.swept > this.reported + REPORT_S) {
      this.port.postMessage({ hz: over ? null : this.base * 2 ** octaves });
      this.reported = this.swept;
    }
    if (over) this.swept = null;
    return octaves;
  }

  nextLevels(pull) {
    const { amplitudes, wall } = this.tone;
    [this.before, this.after] = [this.after, this.before];
    this.top = 0; // the highest harmonic that sounds
    for (let k = 1; k <= HARMONICS; k++) {
      const i = k - 1;
      this.levels[i] += pull * (amplitudes[i] - this.levels[i]);
      const room = wall ? Math.min(1, Math.max(0, (sampleRate / 2 - k * this.hz) / TAPER_HZ)) : 1;
      this.after[i] = this.gate * room * this.levels[i];
      if (this.before[i] + this.after[i] > 1e-7) this.top = k;
    }
  }

  // Each sine comes from the two before it: sin kx = 2 cos x sin (k-1)x - sin (k-2)x. The phase is a 64-bit number.
  render(out, from, to) {
    const { before, after, top } = this;
    for (let i = 0; i < out.length; i++) {
      const t = (i + 1) / out.length;
      this.phase += from + t * (to - from);
      let [now, last, x, y] = [Math.sin(2 * Math.PI * this.phase), 0, 0, 0];
      const twice = 2 * Math.cos(2 * Math.PI * this.phase);
      for (let k = 0; k < top; k++) {
        x += before[k] * now;
        y += after[k] * now;
        const next = twice * now - last;
        last = now;
        now = next;
      }
      out[i] = x + t * (y - x);
    }
    this.phase %= 1;
  }
}

registerProcessor("ddsp-drawbars", DrawbarsWorklet);
