"""The words of each language; docs/TASKS.md says how another is added."""
