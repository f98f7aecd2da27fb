"""Training and measuring one model: the loop, its checkpoints, embeddings, and what reid_core.api does with them.

What may come in: components of the loop, one job each. Losses, models, samplers and schedules live elsewhere.
"""
