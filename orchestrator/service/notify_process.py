"""`python -m orchestrator.service.notify_process HOME STUDY`: tells by webhook and mail what happens in a study."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.service import logs
from orchestrator.service.notify import tell_study
from orchestrator.service.service import Service
from reid_core.errors import ReidTuneError

__all__ = ["main"]


def main(home: str, study: str) -> int:
    """Tell the study to its end; what could not be told is in the log file."""
    service = Service(Path(home))
    logs.configure(file=service.home.study(study) / "notify.log")
    try:
        sent = tell_study(service, study)
    except ReidTuneError as error:
        logs.failed("nothing is told of this study", error, study=study)
        return error.exit_code
    logs.logger(__name__).info("%s notices arrived", sent, study=study)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
