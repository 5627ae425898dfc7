"""A timbre grown from one sine wave to the full instrument: plan, schedule, sound, files (notebook 05)."""
