"""Notes as people write them: names, Hz, MIDI numbers, velocities, files."""
