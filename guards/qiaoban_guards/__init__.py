"""Guards for what a child and a companion say to each other; usable without the companion."""
