"""What a study found, as files: episodes, tables, and what every column means."""
