// Short-time spectra of a sound and their picture.
import { fft, fftTables } from "./dsp/fft.js";

const COLOURS = ["#000004", "#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961", "#fec488", "#fcfdbf"];
// Below the loudest, where all is black.
const FLOOR_DB = 80;

// Levels in dB, 0 for a full-scale sine: [columns][bins], column c around the time (c + 0.5) / columns of the whole.
export function spectra(samples, nFft, columns) {
  const bins = nFft / 2 + 1;
  const levels = new Float32Array(columns * bins);
  const table = fftTables(nFft);
  const [re, im] = [new Float64Array(nFft), new Float64Array(nFft)];
  const frame = (to, column) => {
    const first = Math.round(((column + 0.5) * samples.length) / columns - nFft / 2);
    for (let i = 0; i < nFft; i++) to[i] = table.hann[i] * (samples[first + i] ?? 0);
  };
  const decibels = (x, y) => 10 * Math.log10((x * x + y * y) / ((nFft * nFft) / 4) + 1e-14);
  for (let c = 0; c < columns; c += 2) {
    // Two real frames in one complex transform: one is its even part, the other its odd part.
    frame(re, c);
    frame(im, c + 1);
    fft(re, im, table);
    for (let k = 0; k < bins; k++) {
      const m = k ? nFft - k : 0;
      levels[c * bins + k] = decibels(re[k] + re[m], im[k] - im[m]);
      if (c + 1 < columns) levels[(c + 1) * bins + k] = decibels(im[k] + im[m], re[m] - re[k]);
    }
  }
  return { levels, columns, bins };
}

function palette() {
  const rgb = COLOURS.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (rgb.length - 1);
    const low = Math.min(rgb.length - 2, Math.floor(at));
    return rgb[low].map((v, j) => Math.round(v + (at - low) * (rgb[low + 1][j] - v)));
  });
}

const PALETTE = palette();

// A canvas of `height` rows; row y covers the frequencies from hzAt(y + 1) to hzAt(y), `topDb` is white.
export function picture({ levels, columns, bins }, height, rate, hzAt, topDb) {
  const canvas = new OffscreenCanvas(columns, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, height);
  const binAt = (y) => Math.min(bins - 1, Math.max(0, (hzAt(y) / rate) * 2 * (bins - 1)));
  for (let y = 0; y < height; y++) {
    const [low, high] = [binAt(y + 1), binAt(y)];
    for (let c = 0; c < columns; c++) {
      const db = loudest(levels, c * bins, low, high);
      const [r, g, b] = PALETTE[Math.max(0, Math.min(255, Math.round(255 * (1 + (db - topDb) / FLOOR_DB))))];
      image.data.set([r, g, b, 255], 4 * (y * columns + c));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// Between two bins a level is interpolated; where a row covers several, the loudest counts, so that no line is lost.
function loudest(levels, at, low, high) {
  if (Math.ceil(low) > Math.floor(high)) {
    const i = Math.floor(low);
    const share = (low + high) / 2 - i;
    return levels[at + i] * (1 - share) + levels[at + i + 1] * share;
  }
  let most = -200;
  for (let i = Math.ceil(low); i <= high; i++) most = Math.max(most, levels[at + i]);
  return most;
}
