// A frame of one voice on its way from the network to the audio thread is a row of numbers:
// [number of the voice, f0_hz, 1 if it is the last else 0, number of the frame, amplitudes [n_harmonics] ...,
// gains [n_bands] ...]. A frame that has come before is another version of it: where it waits still, that one is played.
export const ROW_HEAD = 4;

export const rowWidth = ({ n_harmonics, n_bands }) => ROW_HEAD + n_harmonics + n_bands;
