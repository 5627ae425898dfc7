// Numbers that more than one part of the page needs: limits, pitches, levels.
export const within = (x, low, high) => Math.min(high, Math.max(low, x));
export const ordered = (a, b) => (a < b ? [a, b] : [b, a]);

export const A4_HZ = 440;
const A4_MIDI = 69;
export const hzOfMidi = (number) => A4_HZ * 2 ** ((number - A4_MIDI) / 12);
export const midiOfHz = (hz) => A4_MIDI + 12 * Math.log2(hz / A4_HZ);

export const decibels = (amplitude) => 20 * Math.log10(amplitude);
export const amplitudeOf = (db) => 10 ** (db / 20);
