"""Controls to sound: the harmonic oscillator (notebook 02) and the noise filterbank (notebook 03)."""
