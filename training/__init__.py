"""Training of the senior over arena rollouts, and ``python -m training.pretrain``, which makes the embedded models."""
