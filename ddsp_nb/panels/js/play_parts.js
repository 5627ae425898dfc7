import { hzOfMidi } from "./math.js";

// Parts are what has keys, bend and level of its own: 0 is that of the page's own keys and of the first MIDI channel,
// and each further channel of each MIDI port has another one. A note of a part is one number.
export const NO_PART = 0;

const N_NOTES = 128;
// Pitch of a key: that of a tuning, in which it may play nothing, or the usual one.
export const hzOfKey = (tuning, note) => (tuning ? tuning[note] : hzOfMidi(note));
export const soundOf = (note, part) => part * N_NOTES + note;
export const noteOfSound = (sound) => sound % N_NOTES;
export const partOfSound = (sound) => Math.floor(sound / N_NOTES);
