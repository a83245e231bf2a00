"""Simulated children who drive whole sessions: scripted ones, and ones that a model plays."""
