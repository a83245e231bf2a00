"""Training of companions: dialogues in, a checkpoint out that `Companion` talks with."""
