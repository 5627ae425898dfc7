"""The instrument for other programs: samples for samplers, a wavetable for wavetable synthesizers, its network."""
