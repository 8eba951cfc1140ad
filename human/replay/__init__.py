"""Stored runs, gone through by keys: `python -m human.replay RUN [RUN2]`."""
