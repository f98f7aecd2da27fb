"""`python -m orchestrator.service.tracking_process HOME STUDY`: projects a running study to MLflow, beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from orchestrator.service import logs
from orchestrator.service.service import Service
from orchestrator.service.tracking import follow_study
from orchestrator.store import OUTAGE_SECONDS

__all__ = ["main"]


def main(home: str, study: str) -> int:
    """Follow the study to its end; what went wrong is in the log file, and `mlflow sync` fills the gap."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    service = Service(Path(home))
    service.store.wait_for_server(OUTAGE_SECONDS)
    logs.configure(file=service.home.study(study) / "mlflow.log")
    report = follow_study(service, study)
    logs.logger(__name__).info(str(report), study=study, events=report.events, errors=report.errors)
    return 0 if report.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
