"""Experiments: arms times seeds, each arm a training run; ``python -m training.experiments NAME --out FOLDER``."""
