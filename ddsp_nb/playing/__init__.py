"""Performances for the instrument to play: other people's recordings, and melodies that were only written."""
