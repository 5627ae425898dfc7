"""Sound files: read, checked, written."""
