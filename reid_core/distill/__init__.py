"""Distillation: what a student learns from a teacher. Pure functions of tensors.

What may come in: one file a way of teaching, checked in the tests against its definition.
"""

from reid_core.distill.divergence import js_divergence
from reid_core.distill.overhaul import overhaul_distance, overhaul_margin

__all__ = ["js_divergence", "overhaul_distance", "overhaul_margin"]
