"""`python -m orchestrator.service.inspection.process HOME STUDY TRIAL|winner TOP`: builds one inspection."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from orchestrator.service.inspection.build import WINNER, Inspections
from orchestrator.service.secrets import redacted
from orchestrator.service.service import Service
from reid_core.errors import ReidTuneError

__all__ = ["main"]


def main(words: Sequence[str]) -> int:
    """Build it; how far it is, and why it failed, stands in its record."""
    home, study, subject, top = words
    service = Service(Path(home))
    try:
        Inspections(service).build(study, None if subject == WINNER else int(subject), top=int(top))
    except ReidTuneError as error:
        sys.stderr.write(f"{redacted(str(error))}\n")
        return error.exit_code
    finally:
        service.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
