"""The handoff value profile: along one solution, how likely another finishes it rightly (docs/PROFILES.md)."""
