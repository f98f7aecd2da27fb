"""Every command of the pages is run, in the page's order, in one folder; what is changed or left out: page_ways.py."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from markdown_pages import PAGES, ROOT, blocks, to_type
from page_shell import Shell
from page_ways import ELSEWHERE, FOLLOWED, NOT_FOLLOWED, SKIPPED, UNTIL


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FOLLOWED)
def test_every_command_of_the_page_runs(name, tmp_path):
    page, shell = FOLLOWED[name], Shell(tmp_path)
    page.prepare(shell)
    try:
        for written in written_on(name):
            line = written
            for old, new, _ in page.instead:
                line = re.sub(old, new, line)
            follow(shell, page, written, line)
    finally:
        shell.close()


def written_on(name):
    """The commands of a page that are run."""
    return [line for line in to_type(ROOT / name) if line and not any(line.startswith(start) for start in SKIPPED)]


def follow(shell, page, written, line):
    """Run one line, until Ctrl-C where it would go on."""
    for command in (command for start, many in page.before.items() if written.startswith(start) for command in many):
        shell.run(command)
    own = [sign for start, sign in page.until.items() if written.startswith(start)]
    signs = own or [sign for pattern, sign in UNTIL.items() if re.search(pattern, line)]
    if signs:
        shell.run_until(line, signs[0])
    else:
        code = next((code for start, code in page.codes.items() if written.startswith(start)), 0)
        shell.run(line, code)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_the_search_is_scored_beside_its_opponents_as_the_page_has_it(shared, tmp_path):
    lines = [line.partition(" #")[0] for line in to_type(ROOT / "docs" / "benchmarks.md")]
    written = [line for line in lines if "score.py" in line]
    shell = Shell(tmp_path)
    try:
        for line in written:
            words = (
                line.replace(".venv/bin/", "")
                .replace("../shared", str(shared))
                .replace("tests/perf", f"{ROOT}/tests/perf")
            )
            said = shell.run(f"{words} --seeds 1 --workers 1", allowed=1)  # 1: not ahead of each, as one seed tells
            assert "mean regret" in said
            assert "optuna-tpe" in said
    finally:
        shell.close()
    assert len(written) == 4


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_training_from_python_runs_as_the_guide_has_it(tmp_path):
    page = (ROOT / "docs" / "guide.md").read_text("utf-8")
    [example] = [block for block in blocks(page) if block.language == "python"]
    done = subprocess.run(
        [sys.executable, "-c", example.body],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "'mAP':" in done.stdout
    assert list((tmp_path / "runs" / "python").glob("epoch-*.pt"))


def test_what_is_skipped_stands_on_a_page():
    lines = [line for page in PAGES for line in to_type(page)]
    assert [start for start in SKIPPED if not any(line.startswith(start) for line in lines)] == []


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_changed_on_a_page_stands_on_it(name):
    page, lines = FOLLOWED[name], written_on(name)
    starts = [*page.until, *page.before, *page.codes]
    assert [start for start in starts if not any(line.startswith(start) for line in lines)] == []
    assert [old for old, _, _ in page.instead if not any(re.search(old, line) for line in lines)] == []


def test_every_page_with_commands_is_followed_or_says_why_not():
    told = FOLLOWED.keys() | ELSEWHERE.keys() | NOT_FOLLOWED.keys()
    assert {str(page.relative_to(ROOT)) for page in PAGES if any(to_type(page))} == set(told)
