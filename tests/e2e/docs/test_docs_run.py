"""Every command of the pages is run, in the page's order, in one folder: what is changed or left out stands here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from markdown_pages import PAGES, ROOT, shell_lines
from page_places import by_camera, photos, small_recipes, small_spaces
from page_shell import Shell

UNTIL = {
    r"^make .*demo": r"took over",
    r"^reid-tune (serve|serve-model|mlflow ui)\b": r"http://",
}
"""Lines that go on until Ctrl-C, and what they say when they are up. (What watches a study shows it once in a pipe.)"""

SKIPPED = {
    "make test": "runs every test, this one among them",
    "reid-tune --space bnneck.yaml --trials 40 --data /mnt/photos --ray-address": "needs a cluster of several machines",
    "export AWS_ACCESS_KEY_ID=": "credentials of a store of the reader's own",
    "reid-tune run --space bnneck.yaml --trials 12 --checkpoints s3://": "needs that store",
}
"""Lines that cannot run here, and why; each begins so on some page."""

DEMO = f"make --directory {ROOT} --old-file .venv/.stamp demo"
TINY = (r"--config (?!small/)([a-z]\w+)(?= |$)", r"--config small/\1", "a ResNet-50 takes hours on a CPU")
SHORT = (r"--max-epochs 30", "--max-epochs 3", "the options are the same, the training is ten times shorter")
HERE = (
    r"^(reid-tune (run )?--space \S+)(?!.*--(detach|ray-address))",
    r"\1 --backend inline",
    "to start Ray takes longer than such a search; tests/integration has Ray",
)
SETUP = (r"^make demo", DEMO, "from the tree, with what is installed already")


@dataclass(frozen=True)
class Page:
    """How a page is followed: what is there at its start, words that are replaced, where Ctrl-C is given."""

    prepare: Callable[[Shell], None]
    instead: tuple[tuple[str, str, str], ...] = ()
    until: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    """Exit codes besides 0 that the page documents."""


def people_and_faces(shell):
    photos(shell, "photos")
    photos(shell, "faces")
    (shell.folder / "faces" / "manifest.csv").unlink()  # a folder a person tells enough
    small_recipes(shell)
    small_spaces(shell)


def people_and_cows(shell):
    people_and_faces(shell)
    photos(shell, "cows")


def a_model(shell):
    photos(shell, "photos", by_camera)
    small_recipes(shell)
    shell.run("reid-tune train --config small/bnneck --set SOLVER.MAX_EPOCH 6 --out runs/model")
    shell.run("cp runs/model/epoch-0006.pt model.pt")


def a_model_and_its_index(shell):
    a_model(shell)
    shell.run("reid-tune index build people --model model.pt photos/")


SEARCH = "reid-tune run --space bnneck.yaml --no-mlflow"
CRASH = (
    f"{SEARCH} --backend inline --trials 4 > crashed.txt 2>&1 & "
    "until grep -q 'epoch 1:' crashed.txt; do sleep 0.1; done; kill -9 $!"
)
RESTING = "$(reid-tune trial ls cows | awk '/resting/ {print $1; exit}')"
REST = "for _ in {1..120}; do reid-tune studies archive cows && break; sleep 0.5; done"  # once it is at rest
ASKED = (
    "reid-tune serve-model model.pt --index people --port 8471 & "
    "until curl -sf localhost:8471/readyz; do sleep 0.2; done; "
    "curl -sf -H 'Content-Type: image/png' --data-binary @photos/00_c0_0.png 'localhost:8471/search?top=3'; "
    "kill $!; wait $! || true"
)

FOLLOWED = {
    "README.md": Page(
        people_and_faces,
        instead=(SETUP, TINY, SHORT, HERE),
        until={"reid-tune --space bnneck.yaml --trials 12 --data photos/": "epoch 1:"},
        before={"reid-tune train": ("reid-tune down --now",)},  # the service has shown itself
    ),
    "docs/guide.md": Page(
        people_and_cows,
        instead=(
            SETUP,
            TINY,
            SHORT,
            HERE,
            ("epoch-0060", "epoch-0004", "the studies here are four epochs long"),
            ("delete cows-2", "delete cows-2 --yes", "nobody is there to be asked"),
            ("promote cows 3", f"promote cows {RESTING}", "which trials rest depends on what they measured"),
            ("space show bnneck --yaml", "space show bnneck.yaml --yaml", "mine.yaml is to be the small one"),
        ),
        until={"reid-tune --space bnneck.yaml --trials 12 --data photos/": "trial 3 .*epoch 1:"},
        before={
            "reid-tune run --resume latest": (CRASH,),
            "reid-tune studies stop cows": (f"{SEARCH} --backend inline --trials 6 --data cows/ --name cows",),
            "reid-tune studies archive cows": ("reid-tune studies pause cows", REST),
            "reid-tune trial logs latest 3 --follow": (f"{SEARCH} --backend processes --workers 1 --trials 4",),
        },
    ),
    "docs/search-images.md": Page(a_model),
    "docs/serving.md": Page(
        a_model_and_its_index, before={"reid-tune drift people": (ASKED,)}, codes={"reid-tune drift people --check": 1}
    ),
}


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
    lines = shell_lines((ROOT / name).read_text("utf-8"))
    return [line for line in lines if line and not any(line.startswith(start) for start in SKIPPED)]


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


def test_what_is_skipped_stands_on_a_page():
    lines = [line for page in PAGES for line in shell_lines(page.read_text("utf-8"))]
    assert [start for start in SKIPPED if not any(line.startswith(start) for line in lines)] == []


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_changed_on_a_page_stands_on_it(name):
    page, lines = FOLLOWED[name], written_on(name)
    starts = [*page.until, *page.before, *page.codes]
    assert [start for start in starts if not any(line.startswith(start) for line in lines)] == []
    assert [old for old, _, _ in page.instead if not any(re.search(old, line) for line in lines)] == []
