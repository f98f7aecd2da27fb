"""The house: layers, light imports, fast help, files that fit in the head, no places without a meaning."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("reid_core", "search_spaces", "orchestrator", "dashboards")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
HEAVY = ("torch", "ray", "mlflow", "pandas", "optuna", "scipy")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        "reid_core",
        "reid_core.api",
        "reid_core.config",
        "search_spaces",
        "search_spaces.load",
        "orchestrator.events",
        "orchestrator.search",
        "orchestrator.store",
        "orchestrator.service.service",
        "orchestrator.cli.main",
        "dashboards.app",
    ],
)
def test_import_loads_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    allowed = "['scipy']" if module.startswith("orchestrator.s") or module == "dashboards.app" else "[]"
    assert done.stdout.strip() in {"[]", allowed}


@pytest.mark.slow
def test_the_engine_works_with_no_orchestrator_ray_mlflow_or_web_package():
    blocked = ("ray", "mlflow", "fastapi", "sqlalchemy", "click", "orchestrator", "dashboards", "search_spaces")
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import reid_core.api, reid_core.engine\n"
        "from reid_core.config import load_config\n"
        "print(reid_core.api.describe_data(load_config('demo').config).layout)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.strip() == "synthetic", done.stderr


@pytest.mark.slow
def test_layers_hold():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_one_idea_that_fits_in_the_head(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    assert not re.search(r"(^|/)(utils?|helpers?|common|misc|managers?)(/|\.py$|_)", str(path.relative_to(ROOT)))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= 70, node.name
        if isinstance(node, ast.ExceptHandler):
            assert not all(isinstance(line, ast.Pass) for line in node.body), f"line {node.lineno} swallows an error"


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_exported_name_exists(path):
    tree = ast.parse(path.read_text())
    exported: list[str] = []
    defined: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=names)):
                exported = [ast.literal_eval(name) for name in names]
            case ast.Assign(targets=targets):
                defined |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                defined.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                defined.add(name)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                defined |= {(alias.asname or alias.name).split(".")[0] for alias in names}
    assert set(exported) <= defined
