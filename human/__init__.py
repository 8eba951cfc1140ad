"""People in a seat of the Arena: the terminal app, the study server and its page."""
