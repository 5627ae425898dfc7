"""Sound files: read, checked, written (all notebooks)."""
