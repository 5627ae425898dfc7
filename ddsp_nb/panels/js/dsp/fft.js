// Fourier transform, for pictures in the page and for sound in its audio thread.

// In place; `re` and `im` have a power of two of numbers.
export function fft(re, im, { cos, sin, reverse }) {
  const n = re.length;
  for (let i = 0; i < n; i++) {
    const j = reverse[i];
    if (j > i) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const half = size >> 1;
    const stride = n / size;
    for (let i = 0; i < n; i += size) {
      for (let j = i, t = 0; j < i + half; j++, t += stride) {
        const k = j + half;
        const x = re[k] * cos[t] + im[k] * sin[t];
        const y = im[k] * cos[t] - re[k] * sin[t];
        re[k] = re[j] - x;
        im[k] = im[j] - y;
        re[j] += x;
        im[j] += y;
      }
    }
  }
}

// Sines, cosines and a Hann window of n numbers, and their order in the transform.
export function fftTables(n) {
  const reverse = new Uint32Array(n);
  for (let i = 1, bits = Math.log2(n); i < n; i++) reverse[i] = (reverse[i >> 1] >> 1) | ((i & 1) << (bits - 1));
  const turn = (f, steps) => Float64Array.from({ length: steps }, (_, i) => f((2 * Math.PI * i) / n));
  return {
    reverse,
    cos: turn(Math.cos, n / 2),
    sin: turn(Math.sin, n / 2),
    hann: turn((x) => 0.5 - 0.5 * Math.cos(x), n),
  };
}
