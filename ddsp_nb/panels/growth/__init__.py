"""The growth panel (notebook 05): knobs, score, takes and export of a piece."""
