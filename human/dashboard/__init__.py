"""The researcher's page: where people are, and what can be done about it."""
