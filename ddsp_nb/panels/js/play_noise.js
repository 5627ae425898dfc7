// White noise through a bank of bands, hop by hop: `NoiseStream` of Python, with other random numbers.
const UNIT_RMS = Math.sqrt(12); // of numbers that are spread evenly over a range of 1

export class Noise {
  // to_bins: [n_bands, hop_length + 1] weights of bands in the bins of a window of two hops.
  constructor(hop_length, n_bands, to_bins) {
    const size = 2 * hop_length;
    Object.assign(this, { hop_length, n_bands, to_bins, transform: new Transform(size) });
    this.window = Float64Array.from(
      { length: size },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size),
    );
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
      for (let bin = 0, at = band * bins.length; bin < bins.length; bin++)
        bins[bin] += gain * to_bins[at + bin];
    }
  }

  // The white noise of two hops, windowed, with each bin at its gain.
  filter() {
    const { white, window, bins, transform, hop_length } = this;
    const { re, im } = transform;
    for (let i = 0; i < 2 * hop_length; i++) {
      re[i] = white[i] * window[i];
      im[i] = 0;
    }
    transform.run();
    for (let bin = 0; bin < 2 * hop_length; bin++) {
      const gain = bins[Math.min(bin, 2 * hop_length - bin)] / (2 * hop_length);
      re[bin] *= gain;
      im[bin] *= -gain; // conjugated twice, the forward transform is the inverse one; the second time nobody looks
    }
    transform.run();
    return re;
  }
}

// Fourier transform of `re` and `im` in place; the size is a power of 2.
class Transform {
  constructor(size) {
    this.size = size;
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
    this.cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
    this.reversed = Uint32Array.from({ length: size }, (_, i) => {
      let reversed = 0;
      for (let bit = 1; bit < size; bit <<= 1) reversed = (reversed << 1) | (i & bit ? 1 : 0);
      return reversed;
    });
  }

  run() {
    const { re, im, size, reversed } = this;
    for (let i = 0; i < size; i++) {
      const j = reversed[i];
      if (j <= i) continue;
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
    for (let half = 1; half < size; half <<= 1)
      for (let begin = 0; begin < size; begin += 2 * half) this.butterflies(begin, half);
  }

  butterflies(begin, half) {
    const { re, im, cos, sin } = this;
    const stride = this.size / (2 * half);
    for (let j = begin, turn = 0; j < begin + half; j++, turn += stride) {
      const k = j + half;
      const x = re[k] * cos[turn] - im[k] * sin[turn];
      const y = re[k] * sin[turn] + im[k] * cos[turn];
      re[k] = re[j] - x;
      im[k] = im[j] - y;
      re[j] += x;
      im[j] += y;
    }
  }
}
