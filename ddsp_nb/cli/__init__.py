"""The command line, `ddsp-nb`."""
