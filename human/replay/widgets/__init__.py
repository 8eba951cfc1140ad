"""What the viewer's screen is made of, one widget a file."""
