"""Each recipe is carried out as written on a copy of the tree: new files, diffs, commands, and what they must say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import RECIPES, ROOT, Block, blocks

COPIED = ("reid_core", "search_spaces", "orchestrator", "dashboards", "tests", "docs/examples")
SECONDS = 240

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path):
    tree = tmp_path / "tree"
    for name in COPIED:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "e2e"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def run(copy: Path, command: list[str], text: str = "") -> str:
    """Run in the copy, whose packages win over the installed ones; what it said. Fails with it."""
    environment = os.environ | {
        "PYTHONPATH": str(copy),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "REID_TUNE_HOME": str(copy.parent / "home"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        command,
        input=text,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout


def carry_out(copy: Path, block: Block, said: str) -> str:
    """What the block makes the machine say; an expectation is checked against what was `said` before."""
    if block.title:
        path = copy / block.title
        assert not path.exists(), f"{block.title} is there already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body)
    elif block.language == "diff":
        run(copy, ["patch", "-p1", "--batch", "--no-backup-if-mismatch"], block.body)
    elif block.language == "sh":
        return run(copy, ["bash", "-euo", "pipefail", "-c", block.body])
    elif block.language == "text":
        missing = [line for line in block.body.splitlines() if line not in said]
        assert not missing, f"{missing} is not in:\n{said}"
    else:
        pytest.fail(f"no one knows what to do with a block of {block.language or 'no language'}")
    return said


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda page: page.stem)
def test_recipe_does_what_it_says(recipe, copy):
    assert run(copy, ["python", "-c", "import reid_core; print(reid_core.__file__)"]).startswith(str(copy))
    steps, said = blocks(recipe.read_text()), ""
    assert {"sh", "text", "diff"} <= {step.language for step in steps}
    for step in steps:
        said = carry_out(copy, step, said)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda page: page.stem)
def test_code_of_a_recipe_keeps_the_rules_of_the_house(recipe, copy):
    touched = set()
    for step in blocks(recipe.read_text()):
        if step.title or step.language == "diff":
            carry_out(copy, step, "")
        touched |= {step.title} | {
            line.split("\t")[0].removeprefix("+++ b/") for line in step.body.splitlines() if line.startswith("+++ b/")
        }
    files = sorted(path for path in touched if path.endswith(".py"))
    run(copy, ["ruff", "check", "--no-cache", *files])
    run(copy, ["ruff", "format", "--no-cache", "--check", *files])
