"""Personal data in a message, found by structure and kept from models and records."""

from qiaoban_guards.pii.mask import mask

__all__ = ["mask"]
