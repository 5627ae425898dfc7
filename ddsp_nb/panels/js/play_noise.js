import { fft, fftTables } from "./fft.js";

// White noise through a bank of bands, hop by hop: `NoiseStream` of Python, with other random numbers.
const UNIT_RMS = Math.sqrt(12); // of numbers that are spread evenly over a range of 1

export class Noise {
  // to_bins: [n_bands, hop_length + 1] weights of bands in the bins of a window of two hops.
  constructor(hop_length, n_bands, to_bins) {
    const size = 2 * hop_length;
    Object.assign(this, { hop_length, n_bands, to_bins, tables: fftTables(size) });
    [this.re, this.im] = [new Float64Array(size), new Float64Array(size)];
    this.window = this.tables.hann;
    this.norm = Float64Array.from(
      { length: hop_length },
      (_, i) => this.window[i] ** 2 + this.window[i + hop_length] ** 2,
    );
    this.white = new Float64Array(size);
    this.tail = new Float64Array(hop_length);
    this.bins = new Float64Array(hop_length + 1);
    this.sound = new Float32Array(hop_length);
    this.draw();
  }

  // The next hop, up to the frame that has these gains [n_bands], or to silence if there are none.
  next(gains) {
    const { hop_length, sound, tail, norm, window } = this;
    if (!gains) {
      for (let i = 0; i < hop_length; i++) sound[i] = tail[i] / norm[i];
      tail.fill(0);
      return sound;
    }
    this.draw();
    this.toBins(gains);
    const shaped = this.filter();
    for (let i = 0; i < hop_length; i++) {
      sound[i] = (tail[i] + shaped[i] * window[i]) / norm[i];
      tail[i] = shaped[i + hop_length] * window[i + hop_length];
    }
    return sound;
  }

  draw() {
    const { white, hop_length } = this;
    white.copyWithin(0, hop_length);
    for (let i = hop_length; i < 2 * hop_length; i++) white[i] = UNIT_RMS * (Math.random() - 0.5);
  }

  toBins(gains) {
    const { bins, to_bins, n_bands } = this;
    bins.fill(0);
    for (let band = 0; band < n_bands; band++) {
      const gain = gains[band];
      if (!gain) continue;
      for (let bin = 0, at = band * bins.length; bin < bins.length; bin++) bins[bin] += gain * to_bins[at + bin];
    }
  }

  // The white noise of two hops, windowed, with each bin at its gain.
  filter() {
    const { white, window, bins, re, im, tables, hop_length } = this;
    for (let i = 0; i < 2 * hop_length; i++) {
      re[i] = white[i] * window[i];
      im[i] = 0;
    }
    fft(re, im, tables);
    for (let bin = 0; bin < 2 * hop_length; bin++) {
      const gain = bins[Math.min(bin, 2 * hop_length - bin)] / (2 * hop_length);
      re[bin] *= gain;
      im[bin] *= -gain; // conjugated twice, the forward transform is the inverse one; the second time nobody looks
    }
    fft(re, im, tables);
    return re;
  }
}
