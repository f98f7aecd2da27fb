"""Instance retrieval: find the other images of a class nobody trained on. What may come in: how such sets lie and rank.

What all rankings share is in reid_core.evaluation.
"""
