"""The terminal app for people: ``python -m human.app``."""
