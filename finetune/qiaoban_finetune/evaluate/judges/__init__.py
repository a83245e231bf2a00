"""Models that score replies, and how far they are to be believed."""
