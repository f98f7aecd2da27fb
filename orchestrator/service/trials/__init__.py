"""A study's trials as a table: filtered, sorted, compared.

What may come in: pure functions over rows, and the small language that filters them.
"""
