import { fft, fftTables } from "./fft.js";

// White noise through a bank of bands, hop by hop: `NoiseStream` of Python, with other random numbers.
// Centre of the first band.
const LOWEST_HZ = 20;
// Numbers that are spread evenly over this range have RMS 1.
const RANGE = Math.sqrt(12);

export class Noise {
  constructor({ sample_rate, hop_length, n_bands }) {
    const size = 2 * hop_length;
    Object.assign(this, { hop_length, n_bands, tables: fftTables(size) });
    this.window = this.tables.hann;
    this.to_bins = bandsToBins(sample_rate, hop_length, n_bands);
    [this.re, this.im, this.white] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
    this.bins = new Float64Array(hop_length + 1);
    this.tail = new Float64Array(hop_length);
    this.sound = new Float32Array(hop_length);
    this.draw();
  }

  // The next hop, up to the frame that has these gains [n_bands], or to silence if there are none.
  next(gains) {
    const { hop_length, sound, tail, window } = this;
    const shaped = gains ? this.filter(gains) : null;
    for (let i = 0; i < hop_length; i++) {
      // Two windows overlap here.
      const [late, early] = [window[i + hop_length], window[i]];
      sound[i] = (tail[i] + (shaped ? shaped[i] * early : 0)) / (early ** 2 + late ** 2);
      tail[i] = shaped ? shaped[i + hop_length] * late : 0;
    }
    return sound;
  }

  draw() {
    const { white, hop_length } = this;
    white.copyWithin(0, hop_length);
    for (let i = hop_length; i < 2 * hop_length; i++) white[i] = RANGE * (Math.random() - 0.5);
  }

  // Gains of the bands to gains of the bins; the mean square of these is the power of the noise.
  binGains(gains) {
    const { bins, to_bins, n_bands } = this;
    bins.fill(0);
    for (let band = 0; band < n_bands; band++) {
      if (!gains[band]) continue;
      for (let bin = 0, at = band * bins.length; bin < bins.length; bin++) bins[bin] += gains[band] * to_bins[at + bin];
    }
    return bins;
  }

  // The white noise of two hops, windowed, with each bin at its gain.
  filter(gains) {
    this.draw();
    const bins = this.binGains(gains);
    const { white, window, re, im, tables } = this;
    const size = white.length;
    for (let i = 0; i < size; i++) {
      re[i] = white[i] * window[i];
      im[i] = 0;
    }
    fft(re, im, tables);
    for (let bin = 0; bin < size; bin++) {
      const gain = bins[Math.min(bin, size - bin)] / size;
      re[bin] *= gain;
      // Conjugated twice, the forward transform is the inverse one; the second time is left out, for `im` is not used.
      im[bin] *= -gain;
    }
    fft(re, im, tables);
    return re;
  }
}

// [n_bands, n_bins] weights: bells in log frequency, one spacing of bands wide, of which those of a bin add up to 1.
function bandsToBins(sample_rate, hop_length, n_bands) {
  const n_bins = hop_length + 1;
  const spacing = Math.log(sample_rate / 2 / LOWEST_HZ) / (n_bands - 1);
  const weights = new Float64Array(n_bands * n_bins);
  for (let bin = 0; bin < n_bins; bin++) {
    const hz = Math.max(LOWEST_HZ, (bin * sample_rate) / (2 * hop_length));
    const place = Math.log(hz / LOWEST_HZ) / spacing;
    const bells = Array.from({ length: n_bands }, (_, band) => Math.exp(-0.5 * (band - place) ** 2));
    const sum = bells.reduce((a, b) => a + b);
    bells.forEach((bell, band) => (weights[band * n_bins + bin] = bell / sum));
  }
  return weights;
}
