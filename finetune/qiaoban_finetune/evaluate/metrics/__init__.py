"""Automatic metrics, right for Chinese; each says how it cuts text into tokens."""
