"""A model that leaves: exported, embedded with, registered in MLflow.

What may come in: what stands between reid_core.export and the commands.
"""
