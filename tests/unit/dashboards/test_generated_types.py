"""What checks the pages' modules is made of what the server and the packages are."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
JS = ROOT / "tools" / "js"


def test_types_are_those_of_the_vendored_versions():
    vendored = dict(re.findall(r'"(@?[\w/-]+)@([\d.]+)": \{', (ROOT / "tools" / "vendor.py").read_text()))
    pinned = json.loads((JS / "package.json").read_text())["devDependencies"]
    assert vendored
    assert {name: pinned.get(name) for name in vendored} == vendored


def test_lock_file_pins_contents_and_names_no_host():
    lock = json.loads((JS / "package-lock.json").read_text())["packages"]
    assert all("integrity" in told for name, told in lock.items() if name)
    assert not any("resolved" in told for told in lock.values())
