"""What is installed from the wheel is whole: commands, recipes, spaces, pages; and in an empty environment it works."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("reid_core", "search_spaces", "orchestrator", "dashboards")


def run(*words, check=True, **options):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the source archive of a copy: nothing is left in the tree."""
    source = tmp_path_factory.mktemp("source") / "reid-tune"
    leave = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in PARTS:
        shutil.copytree(ROOT / name, source / name, ignore=leave)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)  # the archive, and the wheel from it
    assert len(list(out.glob("*.tar.gz"))) == 1
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_file_that_is_read_at_run_time(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".yaml", ".html", ".css", ".js", ".svg", ".json", ".typed"}
        and "__pycache__" not in path.parts
    }
    assert sorted(wanted - held) == []


def test_what_is_installed_answers_outside_the_tree(wheel, tmp_path):
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    environment = {**os.environ, "PYTHONPATH": str(site), "REID_TUNE_HOME": str(tmp_path / "home")}
    where = run(sys.executable, "-c", "import reid_core; print(reid_core.__file__)", cwd=tmp_path, env=environment)
    assert where.stdout.startswith(str(site))
    told = run(sys.executable, "-m", "orchestrator.cli", "space", "ls", "--json", cwd=tmp_path, env=environment)
    assert len(json.loads(told.stdout)) == len(list((ROOT / "search_spaces" / "catalog").glob("*.yaml")))
    told = run(sys.executable, "-m", "orchestrator.cli", "config", "show", "bnneck", cwd=tmp_path, env=environment)
    assert "SOLVER.BASE_LR" in told.stdout
    page = (
        "from starlette.testclient import TestClient\n"
        "from dashboards.app import create_app\n"
        "from orchestrator.service.service import Service\n"
        "client = TestClient(create_app(Service()), base_url='http://127.0.0.1')\n"
        "print(client.get('/').status_code, client.get('/static/js/study.js').status_code)\n"
    )
    told = run(sys.executable, "-W", "ignore", "-c", page, cwd=tmp_path, env=environment)
    assert told.stdout.split() == ["200", "200"]


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_the_wheel_in_an_empty_environment_installed_by_hashes_runs_the_demo(wheel, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environment["REID_TUNE_HOME"] = str(tmp_path / "home")
    run(sys.executable, "-m", "venv", tmp_path / "new")
    programs = tmp_path / "new" / "bin"
    install = [programs / "pip", "install", "--quiet"]
    run(*install, "--constraint", ROOT / "constraints.txt", "torch", env=environment)
    run(*install, "--no-deps", "--require-hashes", "--requirement", ROOT / "requirements.lock", env=environment)
    run(*install, "--no-deps", wheel, env=environment)
    run(programs / "pip", "check", env=environment)
    done = run(programs / "reid-tune", "demo", "--trials", "3", cwd=tmp_path, env=environment)
    assert "trial" in done.stdout
    best = json.loads(run(programs / "reid-tune", "best", "latest", "--json", cwd=tmp_path, env=environment).stdout)
    assert best["study"]
