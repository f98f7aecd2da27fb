"""A re-identification (ReID) toolbox that stands alone: configuration, data, models, training, evaluation.

Importing it is cheap: torch loads only with the parts that compute (see reid_core.api).
"""
