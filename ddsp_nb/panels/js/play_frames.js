// A frame of one voice on its way from the network to the audio thread is a row of numbers:
// [number of the voice, f0_hz, 1 if it is the last else 0, amplitudes [n_harmonics] ..., gains [n_bands] ...].
export const ROW_HEAD = 3;

export const rowWidth = ({ n_harmonics, n_bands }) => ROW_HEAD + n_harmonics + n_bands;
