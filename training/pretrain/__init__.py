"""``python -m training.pretrain``: makes the embedded models from nothing but generated problems.

`recipes` says how each is made, `lessons` what it is shown, `fit` how it learns, `card` what came out.
"""
