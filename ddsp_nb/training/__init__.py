"""The network that plays the synthesizer, and how it learns (notebook 04)."""
