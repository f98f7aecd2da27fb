"""Adaptation to images without labels, by clustering. What may come in: clusters, their memory, and their batches."""
