"""How data sets lie in folders: one reader a layout, and the recognition of a folder's.

What may come in: readers that turn paths, lists and tables into records and count what they leave out; no pixels.
"""
