"""Linear classifiers over hashed n-grams: what the embedded models are made of."""
