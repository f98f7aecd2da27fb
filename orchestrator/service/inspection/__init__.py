"""What a trial's model finds for each query: built once beside the trial, read by the gallery's pages.

What may come in: the process that builds it, its record, images by number, views.
"""
