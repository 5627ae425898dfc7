import { within } from "./math.js";

const FULL_SCALE = 2 ** 23 - 1;

// 24-bit WAV, one channel, of parts [n_samples] each.
export function waveFile(parts, sample_rate) {
  const n = parts.reduce((sum, part) => sum + part.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 3 * n));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 3 * n, true);
  text(8, "WAVEfmt ");
  const [head, pcm, channels, bytes] = [16, 1, 1, 3];
  view.setUint32(16, head, true);
  view.setUint16(20, pcm, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sample_rate, true);
  view.setUint32(28, sample_rate * bytes, true);
  view.setUint16(32, bytes, true);
  view.setUint16(34, 8 * bytes, true);
  text(36, "data");
  view.setUint32(40, 3 * n, true);
  let at = 44;
  for (const part of parts)
    for (const sample of part) {
      const value = Math.round(FULL_SCALE * within(sample, -1, 1));
      view.setUint8(at, value & 255);
      view.setInt16(at + 1, value >> 8, true);
      at += 3;
    }
  return view.buffer;
}
