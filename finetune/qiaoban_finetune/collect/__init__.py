"""Dialogues collected from any server that speaks OpenAI's chat completions.

A recipe (`topics`, `self_chat`, `expand`, `personas`) says what is asked and what an answer is
worth; `engine` does the asking: many at a time, within limits, every answer durable at once, so
that a run that was killed goes on where it was. `labelled` makes PICA's five tasks of labelled
sets, without a server.
"""
