"""Indexes of images as commands and pages see them.

What may come in: where images come from, what is shown; the index itself is reid_core.gallery.
"""
