"""Distillation: what a student learns from teachers (docs/distillation.md). Names of configurations end in build.py.

What may come in: a way of teaching as a pure function with a test of its definition (its term in lesson.py), another
kind of teacher (the protocol of teacher.py).
"""

from reid_core.distill.divergence import js_divergence, kl_divergence
from reid_core.distill.overhaul import overhaul_distance, overhaul_distances, overhaul_margin
from reid_core.distill.relation import angle_relation, cosine_relation, distance_relation

__all__ = [
    "angle_relation",
    "cosine_relation",
    "distance_relation",
    "js_divergence",
    "kl_divergence",
    "overhaul_distance",
    "overhaul_distances",
    "overhaul_margin",
]
