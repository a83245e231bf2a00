"""Emotion coaching: what a child feels, where the talk stands, and which words come next."""
