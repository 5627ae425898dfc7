import { fft, fftTables } from "./dsp/fft.js";

// Pitch and level of one voice by the normalised square difference of a window with itself (McLeod and Wyvill, 2005):
// 1 at a lag after which the sound repeats exactly, about 0 where it does not.

// Two windows, each three periods of its lowest pitch: the short one answers soonest, the long one is for what it does not
// know. They move on by the hop.
const WINDOWS_S = [0.0464, 0.12];
const PERIODS = 3;
const HOP_S = 0.0116;
// Fine enough for the period of the highest pitch.
const TRACKED_HZ = 40_000;
// Of the piccolo's last notes and of whistles.
const HIGHEST_HZ = 5000;
// The likeness is high at every multiple of the period: the first peak that comes so near to the highest is taken.
const NEARLY_HIGHEST = 0.9;
// By which the period is measured together; an error of the first one, of so many, must stay below half of one.
const MOST_PERIODS = 8;
// Likeness from which on a note begins, and down to which it goes on.
const [CLEAR, STILL_CLEAR] = [0.85, 0.7];
// Beside full scale; what is softer is the room.
const SILENT_DB = -55;
// Any tracker now and then takes 2, 3 or 4 periods for one, or one for as many. A jump by such an interval is therefore
// believed only after more windows of about the same pitch than a note needs to begin.
const MISTAKEN_SEMITONES = [12, 19, 24];
const [FIRST_WINDOWS, JUMP_WINDOWS] = [2, 4];
const SAME_SEMITONES = 1;
// Keeps 0 / 0 away.
const TINY = 1e-12;

const semitonesBetween = (a_hz, b_hz) => Math.abs(12 * Math.log2(a_hz / b_hz));

export class PitchTracker {
  // heard({ f0_hz, level_db, clarity }): called every hop; f0_hz is 0 where nothing is sung, level_db is RMS beside
  // full scale.
  constructor(sample_rate, heard) {
    const factor = Math.max(1, Math.floor(sample_rate / TRACKED_HZ));
    const rate = sample_rate / factor;
    Object.assign(this, { factor, rate, heard, hop: Math.round(HOP_S * rate) });
    this.scales = WINDOWS_S.map((seconds) => new Scale(Math.round(seconds * rate), rate));
    this.window = new Float32Array(this.scales.at(-1).length);
    this.fresh = new Float32Array(this.hop);
    Object.assign(this, { sum: 0, n_summed: 0, n_fresh: 0, f0_hz: 0, other_hz: 0, n_other: 0 });
  }

  // Samples at the rate of the microphone, as many as there are. Means of neighbours serve at the lower rate: what they
  // let through of higher partials repeats with the same period, nearly.
  take(samples) {
    for (const sample of samples) {
      this.sum += sample;
      if (++this.n_summed < this.factor) continue;
      this.fresh[this.n_fresh++] = this.sum / this.factor;
      this.sum = this.n_summed = 0;
      if (this.n_fresh === this.hop) this.move();
    }
  }

  move() {
    const { window, fresh, hop, scales } = this;
    window.copyWithin(0, hop);
    window.set(fresh, window.length - hop);
    this.n_fresh = 0;
    const level_db = levelOf(window.subarray(window.length - scales[0].length));
    const { hz, clarity } = level_db < SILENT_DB ? { hz: 0, clarity: 0 } : this.clearest();
    this.believe(clarity >= (this.f0_hz ? STILL_CLEAR : CLEAR) && hz <= HIGHEST_HZ ? hz : 0);
    this.heard({ f0_hz: this.f0_hz, level_db, clarity });
  }

  // What the first window says that hears a clear pitch, else the clearest of all.
  clearest() {
    let best = { hz: 0, clarity: 0 };
    for (const scale of this.scales) {
      const found = scale.period(this.window.subarray(this.window.length - scale.length));
      if (found.clarity > best.clarity) best = found;
      if (best.clarity >= CLEAR) break;
    }
    return best;
  }

  // A note begins, or jumps by an interval that may be a mistake, once some windows in a row have the same pitch; until
  // then it is as it was.
  believe(hz) {
    const needed = this.f0_hz ? (isSuspicious(hz, this.f0_hz) ? JUMP_WINDOWS : 1) : FIRST_WINDOWS;
    const again = hz && this.other_hz && semitonesBetween(hz, this.other_hz) < SAME_SEMITONES;
    this.n_other = again ? this.n_other + 1 : 1;
    this.other_hz = hz;
    if (!hz || this.n_other >= needed) this.f0_hz = hz;
  }
}

// The period of what a window of `length` samples holds.
class Scale {
  constructor(length, rate) {
    const size = 2 ** Math.ceil(Math.log2(length));
    Object.assign(this, { length, rate, size, tables: fftTables(size) });
    Object.assign(this, { shortest: Math.floor(rate / HIGHEST_HZ), longest: Math.floor(length / PERIODS) });
    this.likeness = new Float32Array(this.longest + 2);
    Object.assign(this, { re: new Float64Array(size), im: new Float64Array(size) });
  }

  // The first of the high peaks of likeness, to a fraction of a sample; noise moves a peak at a multiple of it as far, which
  // is less of so many periods.
  period(window) {
    const peaks = this.peaks(this.compare(window));
    const highest = Math.max(0, ...peaks.map(({ height }) => height));
    const high = peaks.filter(({ height }) => height >= NEARLY_HIGHEST * highest);
    if (!high.length) return { hz: 0, clarity: 0 };
    const [first] = high;
    const { lag } = high.findLast((peak) => peak.lag < (MOST_PERIODS + 0.5) * first.lag);
    return { hz: (this.rate * Math.round(lag / first.lag)) / lag, clarity: first.height };
  }

  // Likeness of the beginning of the window and the same stretch each lag later.
  compare(window) {
    const { likeness, longest } = this;
    const mean = window.reduce((a, b) => a + b, 0) / window.length;
    const x = window.map((sample) => sample - mean);
    const n = x.length - longest - 1;
    const products = this.correlate(x, n);
    let power = 0;
    for (let i = 0; i < n; i++) power += x[i] ** 2;
    let later = power;
    for (let lag = 0; lag <= longest + 1; lag++) {
      likeness[lag] = (2 * products[lag]) / (power + later + TINY);
      later += x[n + lag] ** 2 - x[lag] ** 2;
    }
    return likeness;
  }

  // Sums of the first n samples times those each lag later. Both spectra come from one transform, as real and imaginary
  // part, and their product goes back by another.
  correlate(x, n) {
    const { re, im, size, tables } = this;
    re.fill(0).set(x.subarray(0, n));
    im.fill(0).set(x);
    fft(re, im, tables);
    for (let k = 0; k <= size / 2; k++) {
      const j = (size - k) % size;
      const [head_re, head_im] = [(re[k] + re[j]) / 2, (im[k] - im[j]) / 2];
      const [all_re, all_im] = [(im[k] + im[j]) / 2, (re[j] - re[k]) / 2];
      re[k] = re[j] = (head_re * all_re + head_im * all_im) / size;
      im[j] = (head_re * all_im - head_im * all_re) / size;
      im[k] = -im[j];
    }
    fft(re, im, tables);
    return re;
  }

  // The highest peak of each hill that rises above 0, after the one at no lag.
  peaks(likeness) {
    const peaks = [];
    let [lag, best] = [1, 0];
    while (lag <= this.longest && likeness[lag] > 0) lag++;
    for (; lag <= this.longest; lag++) {
      const here = likeness[lag];
      if (here <= 0) best = 0;
      const top = here > likeness[lag - 1] && here >= likeness[lag + 1];
      if (!top || here <= best || lag < this.shortest) continue;
      if (best) peaks.pop();
      best = here;
      peaks.push(parabola(likeness, lag));
    }
    return peaks;
  }
}

function isSuspicious(hz, before_hz) {
  const interval = hz ? semitonesBetween(hz, before_hz) : 0;
  return MISTAKEN_SEMITONES.some((semitones) => Math.abs(interval - semitones) < SAME_SEMITONES);
}

// Top of the parabola through a peak and its neighbours.
function parabola(heights, at) {
  const [left, middle, right] = [heights[at - 1], heights[at], heights[at + 1]];
  const shift = (left - right) / (2 * (left - 2 * middle + right) - TINY);
  return { lag: at + shift, height: middle - ((left - right) * shift) / 4 };
}

const levelOf = (samples) =>
  10 * Math.log10(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length + TINY);
