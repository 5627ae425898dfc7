"""The playable instrument: keys in the page, what they were played, and the numbers that the page needs."""
