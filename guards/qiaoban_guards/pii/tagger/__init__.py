"""A small network that reads the sentence: personal data that no rule has foreseen."""
