"""Measurements, each as ratios side by side in one run. Not installed; run them from the repository's root."""
