"""Measures that need models or many runs, statistics, plots and reports over stored episodes."""
