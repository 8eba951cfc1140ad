"""Reading answers and comparing them: by grammar where that settles it, else by math-verify."""
