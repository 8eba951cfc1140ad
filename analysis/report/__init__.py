"""Reports on stored runs: ``python -m analysis.report``."""
