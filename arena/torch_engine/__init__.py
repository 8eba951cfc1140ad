"""The torch engine: many episodes at once, each model with a key-value cache of slots.

`slots` holds the caches and the attention over them, `forward` runs one model on any rows, `drawing` draws for a
batch, `rows` keeps the books, and `tandem` is the loop of the closed mode, in which local models write whole episodes.
"""
