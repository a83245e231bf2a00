"""Judging files of JSON lines: in order, in constant memory, and measured against labels."""
