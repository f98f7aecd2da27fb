"""`python -m orchestrator.service.controller_process HOME STUDY`: a controller without a terminal."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from orchestrator.service.run import open_run
from orchestrator.service.service import Service
from reid_core.errors import ReidTuneError

__all__ = ["main"]


def main(home: str, study: str) -> int:
    """Run the study to its end; SIGTERM and SIGINT pause it."""
    service = Service(Path(home))
    try:
        with open_run(service, study) as handle:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: handle.interrupt("a signal"))
            state = handle.run()
    except ReidTuneError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"{state.status}: {state.reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
