"""`python -m orchestrator.service.controller_process HOME STUDY [OPTIONS]`: a controller without a terminal."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.backends.run_segment import REID_TRIAL
from orchestrator.service import logs
from orchestrator.service.run import open_run
from orchestrator.service.secrets import redacted
from orchestrator.service.service import Service
from reid_core.errors import ReidTuneError

__all__ = ["SIGNAL", "TRIAL", "main"]

SIGNAL = "a signal"
"""Who paused a study whose controller was sent SIGTERM."""
TRIAL = "REID_TUNE_TRIAL"
"""Environment variable: what trials are instead of trainings, as `module:Class`; how tests fake them."""


def main(words: Sequence[str]) -> int:
    """Run the study to its end; SIGTERM and SIGINT pause it."""
    asked = _parser().parse_args(words)
    service, study = Service(Path(asked.home)), asked.study
    trial = os.environ.get(TRIAL) or REID_TRIAL
    try:
        logs.configure(file=service.home.study(study) / "controller.log")
        with open_run(
            service,
            study,
            trial=trial,
            track=asked.mlflow,
            local=asked.backend,
            ray_address=asked.ray_address,
            shared=asked.shared,
        ) as handle:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: handle.interrupt(SIGNAL, within=True))
            state = handle.run()
    except ReidTuneError as error:
        sys.stderr.write(f"{redacted(str(error))}\n")
        return error.exit_code
    logs.logger(__name__).info("controller leaves", study=study, status=state.status, reason=state.reason)
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("home")
    made.add_argument("study")
    made.add_argument("--backend", default="ray", help="where a study for Ray runs that names no cluster")
    made.add_argument("--ray-address", default="", help="a Ray cluster for such a study")
    made.add_argument("--shared", action="store_true", help="use no more slots than the daemon grants")
    made.add_argument("--no-mlflow", dest="mlflow", action="store_false")
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
