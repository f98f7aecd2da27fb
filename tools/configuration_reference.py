"""Write docs/reference/configuration.md from the schema; `--check` only says whether it is up to date.

python tools/configuration_reference.py [--check]
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from generated import write_or_check

from orchestrator.cli.engine import allowed
from orchestrator.cli.output import number
from reid_core.config import KeyInfo, describe, keys

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "configuration.md"
INTRODUCTION = """\
# Configuration keys

<!-- Written by tools/configuration_reference.py from the schema. Do not edit. -->

Every key of a recipe, with the value that it has where no recipe says otherwise: FastReID's names, and those that are
new here. `reid-tune config show RECIPE` prints them with the recipe's own values; `--set KEY VALUE` changes one, and a
search space may search any of them.
"""
_HEAD = ("| key | default | allowed | what it does |", "|---|---|---|---|")


def page() -> str:
    """Write the whole page."""
    parts = [INTRODUCTION]
    for section, group in groupby(sorted(keys(), key=_section), key=_section):
        parts.append(
            "\n".join([f"## {section or 'At the top'}\n", *_HEAD, *(_row(describe(key)) for key in group)]) + "\n"
        )
    return "\n".join(parts)


def _section(key: str) -> str:
    return key.partition(".")[0] if "." in key else ""


def _row(info: KeyInfo) -> str:
    cells = (f"`{info.key}`", f"`{number(info.default) or chr(34) * 2}`", allowed(info), info.help)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(write_or_check(TARGET, page(), sys.argv[1:]))
