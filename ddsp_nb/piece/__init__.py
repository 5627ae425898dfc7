"""A piece of one growth or several: presets and chance, layers, tempo, its files (notebook 05)."""
