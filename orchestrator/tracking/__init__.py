"""MLflow as a projection of the event log: what an event changes there, writing it, catching up, its UI.

What may come in: reading events and writing to MLflow. Nothing reads from MLflow to decide, and nothing waits for it.
"""

from orchestrator.tracking.projection import MlflowProjection
from orchestrator.tracking.sync import SyncReport, sync
from orchestrator.tracking.ui import experiment_link, run_link, ui_command

__all__ = ["MlflowProjection", "SyncReport", "experiment_link", "run_link", "sync", "ui_command"]
