"""`python -m orchestrator.service.tracking_process HOME STUDY`: projects a running study to MLflow, beside it."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from orchestrator.service.service import Service
from orchestrator.service.tracking import follow_study

__all__ = ["main"]


def main(home: str, study: str) -> int:
    """Follow the study to its end; what went wrong is in the log file, and `mlflow sync` fills the gap."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING)
    report = follow_study(Service(Path(home)), study)
    sys.stderr.write(f"{report}\n")
    return 0 if report.complete else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
