// A frame of one voice on its way from the network to the audio thread is a row of numbers:
// [number of the voice, f0_hz, 1 if it is the last else 0, number of the frame, amplitudes [n_harmonics] ...,
// gains [n_bands] ...]. A frame that has come before is another version of it: where it waits still, that one is played.
export const ROW_HEAD = 4;
// Frames that a voice has waiting once a hop. More would make bends and releases late; where the network's thread is
// too late, it is asked earlier.
export const [AHEAD, MOST_AHEAD] = [2, 4];

export const rowWidth = ({ n_harmonics, n_bands }) => ROW_HEAD + n_harmonics + n_bands;
