"""The example of docs/ray-tune.md is carried out as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from markdown_pages import ROOT, blocks

PAGE = ROOT / "docs" / "ray-tune.md"


@pytest.mark.slow
def test_example_of_the_page_runs_under_ray_tune(tmp_path):
    [example] = [block for block in blocks(PAGE.read_text()) if block.title == "tuned.py"]
    script = tmp_path / example.title
    script.write_text(example.body)
    where = {"HOME": str(tmp_path), "RAY_AIR_NEW_OUTPUT": "0", "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "local"}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, **where},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"lr (\d\.\d{4}), (1|3|9) epochs", done.stdout)
    assert found, done.stdout[-3000:]
    assert 0.0001 <= float(found[1]) <= 0.1


def test_page_names_every_domain_that_is_converted():
    text = PAGE.read_text()
    for domain in ("uniform", "quniform", "loguniform", "randint", "qrandint", "lograndint", "qlograndint", "choice"):
        assert domain in text
