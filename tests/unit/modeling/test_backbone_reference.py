"""The published list of backbones is what the code builds: no key of a state dict changes unnoticed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_every_backbone_has_the_state_dict_that_the_reference_lists():
    show = "import runpy; print(runpy.run_path('tools/backbone_reference.py')['page'](), end='')"
    result = subprocess.run([sys.executable, "-c", show], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == (ROOT / "docs/reference/backbones.md").read_text()
