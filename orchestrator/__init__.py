"""Plans, runs and records studies: everything between the commands and the training engine.

Imports inside go down one list of layers only; docs/architecture.md shows it and import-linter holds it.
"""
