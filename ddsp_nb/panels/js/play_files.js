// Files of what was played, made in the page: no kernel is needed.
const FULL_SCALE = 2 ** 23 - 1; // of 24 bits
const TICKS_PER_BEAT = 960;
const BEAT_S = 0.5; // at 120 beats a minute, which a file without a tempo has
const BEND_SEMITONES = 2; // of a wheel that is turned all the way, as General MIDI has it
const BEND_STEPS = 8192;
const VOLUME = 7; // number of a controller
const USUAL_VOLUME = 100; // at which it changes nothing
const DB_PER_DECADE = 40; // of the volume

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
      const value = Math.round(FULL_SCALE * Math.min(Math.max(sample, -1), 1));
      view.setUint8(at, value & 255);
      view.setInt16(at + 1, value >> 8, true);
      at += 3;
    }
  return view.buffer;
}

// A standard MIDI file of one track: events are [seconds, "on", note, velocity], [seconds, "off", note],
// [seconds, "bend", semitones] and [seconds, "level", dB].
export function midiFile(events) {
  const track = [];
  let before = 0;
  for (const [seconds, ...event] of events) {
    const tick = Math.round((seconds / BEAT_S) * TICKS_PER_BEAT);
    track.push(...quantity(tick - before), ...message(event));
    before = tick;
  }
  track.push(...quantity(0), 0xff, 0x2f, 0); // end of the track
  const head = [...chunk("MThd", [0, 0, 0, 1, TICKS_PER_BEAT >> 8, TICKS_PER_BEAT & 255])];
  return Uint8Array.from([...head, ...chunk("MTrk", track)]);
}

function message([kind, value, velocity]) {
  if (kind === "on") return [0x90, value, velocity];
  if (kind === "off") return [0x80, value, 0];
  if (kind === "bend") {
    const bent = Math.min(Math.max(Math.round((value / BEND_SEMITONES + 1) * BEND_STEPS), 0), 2 * BEND_STEPS - 1);
    return [0xe0, bent & 127, bent >> 7];
  }
  const volume = Math.round(USUAL_VOLUME * 10 ** (value / DB_PER_DECADE));
  return [0xb0, VOLUME, Math.min(Math.max(volume, 1), 127)];
}

function chunk(name, bytes) {
  const n = bytes.length;
  return [
    ...[...name].map((letter) => letter.charCodeAt(0)),
    n >>> 24,
    (n >> 16) & 255,
    (n >> 8) & 255,
    n & 255,
    ...bytes,
  ];
}

// MIDI's numbers of any length: seven bits a byte, the highest bit says that more follow.
function quantity(n) {
  const bytes = [n & 127];
  for (let rest = n >> 7; rest; rest >>= 7) bytes.unshift((rest & 127) | 128);
  return bytes;
}
