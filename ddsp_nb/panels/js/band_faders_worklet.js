// White noise through 64 bands in the audio thread. Messages: { noise: { gains, level, wind }, end }.
// While the wind blows, it says what the gains are: { gains }.
const BANDS = 64;
const N = 1024; // a window; half of it is a hop
const HOP = N / 2;
const NEAR = 8; // bands that matter for a frequency: farther bells are below 0.1 %
const LOWEST_HZ = 20;
const FADE_S = 0.01; // of begin and end
const LOUDEST_RMS = 0.16; // noise peaks at five times its RMS once in a million samples: it does not clip
const RING = 4096; // phases to draw from

const turns = (n, of, wave) => Float32Array.from({ length: n }, (_, i) => wave((2 * Math.PI * i) / of));
const [COS, SIN] = [turns(HOP, N, Math.cos), turns(HOP, N, Math.sin)];
const [RING_RE, RING_IM] = [turns(RING, RING, Math.cos), turns(RING, RING, Math.sin)];
// A sine window whose frames add up to RMS 1 where all gains are 1.
const WINDOW = Float32Array.from({ length: N }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / N) / Math.sqrt(HOP));
const REVERSED = Uint16Array.from({ length: N }, (_, i) => {
  let reversed = 0;
  for (let bit = 1; bit < N; bit <<= 1) reversed = (reversed << 1) | (i & bit ? 1 : 0);
  return reversed;
});

// Gaussian interpolation from bands to bins in log frequency, as the workbook does it: a bin's weights sum to 1.
const FIRST = new Uint8Array(HOP);
const WEIGHTS = new Float32Array(NEAR * HOP);
for (let bin = 0; bin < HOP; bin++) {
  const step = Math.log(sampleRate / 2 / LOWEST_HZ) / (BANDS - 1);
  const band = Math.log(Math.max(LOWEST_HZ, (bin * sampleRate) / N) / LOWEST_HZ) / step;
  FIRST[bin] = Math.min(BANDS - NEAR, Math.max(0, Math.round(band) - NEAR / 2));
  const bells = Array.from({ length: NEAR }, (_, j) => Math.exp(-0.5 * (FIRST[bin] + j - band) ** 2));
  const sum = bells.reduce((a, b) => a + b);
  bells.forEach((bell, j) => (WEIGHTS[NEAR * bin + j] = bell / sum));
}

class BandFadersWorklet extends AudioWorkletProcessor {
  constructor() {
    super();
    this.re = new Float32Array(N);
    this.im = new Float32Array(N);
    this.bins = new Float32Array(HOP);
    this.tail = new Float32Array(HOP);
    this.ready = new Float32Array(N);
    this.at = N;
    this.gate = 0;
    this.blown = 0; // seconds of wind
    this.seed = (Math.random() * 2 ** 31) | 1;
    this.port.onmessage = ({ data }) => {
      this.noise = data.noise ?? this.noise;
      this.ending ||= data.end;
    };
  }

  process(_, [[out]]) {
    if (!this.noise) return !this.ending;
    const step = (this.ending ? -1 : 1) / (FADE_S * sampleRate);
    for (let i = 0; i < out.length; i++) {
      if (this.at >= N) this.nextTwoFrames();
      this.gate = Math.min(1, Math.max(0, this.gate + step));
      out[i] = this.gate * this.ready[this.at++];
    }
    return this.gate > 0;
  }

  // The gains of two frames; overlapping windows carry the sound from old gains to new ones without a click.
  nextTwoFrames() {
    const { wind, gains } = this.noise;
    this.toBins(wind ? this.blow() : gains);
    this.drawPhases();
    transform(this.re, this.im);
    this.overlap();
  }

  // A bell of bands that wanders: two slow swings that never meet in the same way.
  blow() {
    this.blown += N / sampleRate;
    const at = 34 + 11 * Math.sin(0.9 * this.blown) + 7 * Math.sin(2.13 * this.blown + 1);
    const gains = Float32Array.from({ length: BANDS }, (_, i) => Math.exp(-0.5 * ((i - at) / 3) ** 2));
    this.port.postMessage({ gains });
    return gains;
  }

  toBins(gains) {
    let power = 0;
    for (let bin = 0; bin < HOP; bin++) {
      let gain = 0;
      for (let j = 0; j < NEAR; j++) gain += WEIGHTS[NEAR * bin + j] * gains[FIRST[bin] + j];
      this.bins[bin] = gain;
      power += gain * gain;
    }
    const rms = Math.sqrt(power / HOP);
    const level = Math.min(LOUDEST_RMS * this.noise.level, LOUDEST_RMS / rms);
    for (let bin = 0; bin < HOP; bin++) this.bins[bin] *= level;
  }

  // One complex spectrum is two real frames: negative frequencies have phases of their own.
  drawPhases() {
    const { re, im, bins } = this;
    for (let bin = 0; bin < HOP; bin++) {
      const [p, q] = [REVERSED[bin], REVERSED[bin ? N - bin : HOP]];
      const [one, other] = [this.chance() & (RING - 1), (this.seed >>> 12) & (RING - 1)];
      re[p] = bins[bin] * RING_RE[one];
      im[p] = bins[bin] * RING_IM[one];
      re[q] = bins[bin] * RING_RE[other];
      im[q] = bins[bin] * RING_IM[other];
    }
  }

  chance() {
    this.seed ^= this.seed << 13;
    this.seed ^= this.seed >>> 17;
    this.seed ^= this.seed << 5;
    return this.seed;
  }

  overlap() {
    const { re, im, tail, ready } = this;
    for (let i = 0; i < HOP; i++) {
      ready[i] = tail[i] + re[i] * WINDOW[i];
      ready[HOP + i] = re[HOP + i] * WINDOW[HOP + i] + im[i] * WINDOW[i];
      tail[i] = im[HOP + i] * WINDOW[HOP + i];
    }
    this.at = 0;
  }
}

// Inverse Fourier transform in place, of bins in reversed order.
function transform(re, im) {
  for (let size = 2; size <= N; size <<= 1)
    for (let begin = 0; begin < N; begin += size) butterflies(re, im, begin, size >> 1, N / size);
}

function butterflies(re, im, begin, half, stride) {
  for (let j = begin, turn = 0; j < begin + half; j++, turn += stride) {
    const k = j + half;
    const x = re[k] * COS[turn] - im[k] * SIN[turn];
    const y = re[k] * SIN[turn] + im[k] * COS[turn];
    re[k] = re[j] - x;
    im[k] = im[j] - y;
    re[j] += x;
    im[j] += y;
  }
}

registerProcessor("ddsp-band-faders", BandFadersWorklet);
