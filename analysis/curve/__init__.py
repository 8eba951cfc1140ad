"""The handoff curve: accuracy against the fraction of the solution that its author wrote (docs/PROFILES.md)."""
