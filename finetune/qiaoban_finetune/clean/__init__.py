"""Dialogues made fit to learn from: mended, without personal data and harm, each said once.

`steps` look at one dialogue each, `near_duplicates` at all of them; `local` and `on_ray` run the
same over a file, and `report` tells what became of every dialogue.
"""
