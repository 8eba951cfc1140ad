"""A person's way through a study: what is shown, what is asked, what is played, gone on with after any interruption."""
