"""The parts of the app's screen, one a file."""
