"""The tutorial, command by command, in one shell: from photos to a served model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import ROOT, blocks

PAGE = ROOT / "docs" / "tutorial.md"


def follow(folder, programs):
    """Run every command of the page in `folder`, with `programs` first on the path."""
    _, *found = blocks(PAGE.read_text("utf-8"))  # the first installs the package
    commands = []
    for block in found:
        if block.title:
            (folder / block.title).write_text(block.body, "utf-8")
        else:
            assert block.language == "sh"
            commands.append(block.body)
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environment |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "REID_TUNE_HOME": str(folder / "home")}
    script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "".join(commands)
    return subprocess.run(
        ["bash", "-x", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def check(folder, done):
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("person.onnx", "features.parquet", "people", "found.html"):
        assert (folder / name).exists(), name
    assert '"pid"' in done.stdout.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_works_word_by_word(tmp_path):
    check(tmp_path, follow(tmp_path, Path(sys.executable).parent))


@pytest.mark.faults
@pytest.mark.timeout(2400)
def test_the_tutorial_works_from_a_wheel_in_an_empty_environment(tmp_path):
    (tmp_path / "wheel").mkdir()
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "wheel"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "new")], check=True)
    programs, wheel = tmp_path / "new" / "bin", next((tmp_path / "wheel").glob("*.whl"))
    words = [programs / "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run([*map(str, words)], check=True, capture_output=True)
    folder = tmp_path / "tour"
    folder.mkdir()
    check(folder, follow(folder, programs))
