"""A Markdown table of test runs by file, from the JUnit files that pytest wrote.

python tools/test_table.py build/faults-*.xml
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

HEAD = "| file | tests | passed | skipped | failed | minutes | longest, minutes |\n|---|---|---|---|---|---|---|"


def table(cases: Iterable[ET.Element]) -> str:
    """The table; the last row is the sum."""
    files: dict[str, list[ET.Element]] = {}
    for case in cases:
        files.setdefault(_file(case), []).append(case)
    rows = [_row(name, files[name]) for name in sorted(files)]
    return "\n".join([HEAD, *rows, _row("all", [case for own in files.values() for case in own])])


def _file(case: ET.Element) -> str:
    """`tests.unit.export.test_onnx.TestFile` is of tests/unit/export/test_onnx.py."""
    words = case.get("classname", "").split(".")
    return "/".join(word for word in words if not word[:1].isupper()) + ".py"


def _row(name: str, cases: Sequence[ET.Element]) -> str:
    bad = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    minutes = [float(case.get("time", "0")) / 60 for case in cases]
    passed = len(cases) - bad - skipped
    return (
        f"| {name} | {len(cases)} | {passed} | {skipped} | {bad} | {sum(minutes):.1f} | {max(minutes, default=0):.1f} |"
    )


if __name__ == "__main__":
    read = [ET.parse(Path(file)) for file in sys.argv[1:]]  # noqa: S314 - our own tests wrote them
    sys.stdout.write(table(case for one in read for case in one.iter("testcase")) + "\n")
