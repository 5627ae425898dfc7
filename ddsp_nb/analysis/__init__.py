"""Sound to controls: pitch, phase, loudness and envelope, and the partials and noise that are nearest (notebook 01)."""
