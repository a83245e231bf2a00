"""Measuring companions: tasks, judges, simulated children, reports, and comparisons of runs."""
