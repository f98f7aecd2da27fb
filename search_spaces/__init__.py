"""Search spaces: a recipe and what varies in it. Their model, their YAML, their encoding, their catalog.

May import reid_core.config and reid_core.errors; knows nothing of studies, Ray or MLflow.
"""
