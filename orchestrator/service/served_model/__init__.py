"""A model that answers requests: pictures in, batches, rows out, and how far off they are.

What may come in: no web framework; the routes are in dashboards.
"""
