"""`make bench`'s runner on benchmarks of the test's own: real child processes, instant work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "perf" / "bench.py"
KEYS = {"name", "value", "unit", "budget", "peer", "ratio", "holds"}
SUBJECT = """
import os, sys
from perf_rows import Row, Sample, at_least_times, at_most, at_most_times, benchmark

@benchmark(Row("median of three", "ms", at_most(5)))
def median(run):
    return Sample([9.0, 1.0, 2.0], note="a note")

@benchmark(Row("twice as fast", "images/s", at_least_times(1.1), "a plain one"))
def faster(run):
    return Sample([20.0, 40.0, 90.0], [10.0, 20.0, 30.0])

@benchmark(Row("too slow", "s", at_most_times(1.15), "the floor"))
def slower(run):
    return Sample([3.0], [2.0])

@benchmark(Row("crashes", "s", at_most(1)), Row("crashes too", "MB"))
def crash(run):
    raise ZeroDivisionError("made to crash")

@benchmark(Row("vanishes", "s", at_most(1)))
def vanish(run):
    os._exit(7)

@benchmark(Row("hangs", "s"), timeout=1.0)
def hang(run):
    import time
    time.sleep(60)

@benchmark(Row("sleeps", "s"), slow=True)
def sleep(run):
    import time
    from pathlib import Path
    Path(__file__).with_name("pid").write_text(str(os.getpid()))
    time.sleep(60)

@benchmark(Row("no number", "s", at_most(1)))
def nothing(run):
    return Sample([float("nan")])

@benchmark(Row("without a GPU", "%", at_most(1)))
def missing(run):
    from bench_plan import compared
    return compared([0.0, 0.0], [0.0, 0.0])

@benchmark(Row("own process", "pid"), Row("size", "trials", at_most(10)), Row("files", "files"))
def own(run):
    return Sample([os.getpid()]), Sample([run.size(10_000, 10)]), Sample([len(list(run.folder.iterdir()))])

@benchmark(Row("takes long", "s", at_most(1)), slow=True)
def long(run):
    return Sample([0.5])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("subjects")
    (folder / "bench_sample.py").write_text(SUBJECT)
    return folder


def bench(folder, *options):
    """Exit code, rows by name, and what was printed."""
    output = folder / "rows.json"
    output.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, str(BENCH), "--folder", str(folder), "--output", str(output), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    rows = json.loads(output.read_text()) if output.exists() else []
    return done, {row["name"]: row for row in rows}


@pytest.fixture(scope="module")
def everything(folder):
    return bench(folder)


@pytest.mark.slow
def test_every_row_has_exactly_the_promised_keys_and_order(everything):
    _, rows = everything
    assert all(set(row) == KEYS for row in rows.values())
    assert list(rows) == [
        "median of three",
        "twice as fast",
        "too slow",
        "crashes",
        "crashes too",
        "vanishes",
        "hangs",
        "sleeps",
        "no number",
        "without a GPU",
        "own process",
        "size",
        "files",
        "takes long",
    ]


@pytest.mark.slow
def test_value_is_the_median_and_is_judged_by_its_budget(everything):
    _, rows = everything
    row = rows["median of three"]
    assert row == {
        "name": "median of three",
        "value": 2.0,
        "unit": "ms",
        "budget": "<= 5",
        "peer": None,
        "ratio": None,
        "holds": True,
    }


@pytest.mark.slow
def test_ratio_is_the_median_of_pairs_and_carries_budgets_against_a_peer(everything):
    _, rows = everything
    assert rows["twice as fast"]["peer"] == 20.0
    assert rows["twice as fast"]["ratio"] == 2.0
    assert rows["twice as fast"]["holds"] is True
    assert rows["too slow"]["budget"] == "<= 1.15 x peer"
    assert rows["too slow"]["holds"] is False


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crashes", "crashes too", "vanishes", "hangs", "no number"])
def test_a_row_that_fails_has_no_value_and_does_not_hold(everything, name):
    _, rows = everything
    assert rows[name]["value"] is None
    assert rows[name]["holds"] is False


@pytest.mark.slow
def test_failures_are_explained_and_make_the_exit_code_1(everything):
    done, _ = everything
    assert done.returncode == 1
    assert "made to crash" in done.stdout
    assert "ended with code 7" in done.stdout
    assert "did not end within 1 s" in done.stdout


@pytest.mark.slow
def test_rows_after_a_failed_one_are_measured_in_processes_of_their_own(everything):
    _, rows = everything
    assert rows["own process"]["value"] != os.getpid()
    assert rows["files"]["value"] == 0
    assert rows["size"]["value"] == 10_000


@pytest.mark.slow
def test_what_is_too_slow_is_listed_without_a_number(everything):
    done, rows = everything
    assert rows["takes long"]["value"] is None
    assert rows["takes long"]["holds"] is None
    assert rows["takes long"]["budget"]
    assert "skipped" in done.stdout


@pytest.mark.slow
def test_what_there_is_nothing_to_measure_of_has_no_number_and_fails_nothing(everything):
    done, rows = everything
    assert rows["without a GPU"]["value"] is None
    assert rows["without a GPU"]["holds"] is None
    assert "not measured: no GPU" in done.stdout


def test_table_shows_value_budget_peer_and_verdict(everything):
    done, _ = everything
    line = next(line for line in done.stdout.splitlines() if "too slow" in line)
    for part in ("3 s", "<= 1.15 x peer", "2 s", "1.5 x", "MISSED", "beside the floor"):
        assert part in line
    assert "2 budgets hold, 2 missed, 5 failed, 3 skipped" in done.stdout


@pytest.mark.slow
def test_only_picks_rows_by_pattern_without_case_and_slow_ones_by_name(folder):
    done, rows = bench(folder, "--only", "MEDIAN|takes")
    assert done.returncode == 0
    assert list(rows) == ["median of three", "takes long"]
    assert rows["takes long"]["value"] == 0.5


@pytest.mark.slow
def test_only_leaves_out_the_other_rows_of_a_benchmark(folder):
    _, rows = bench(folder, "--only", "^size$")
    assert list(rows) == ["size"]


@pytest.mark.slow
def test_quick_reduces_sizes_and_judges_no_budget(folder):
    done, rows = bench(folder, "--quick", "--only", "size")
    assert rows["size"]["value"] == 10
    assert rows["size"]["holds"] is None
    assert "not judged" in done.stdout


@pytest.mark.slow
def test_json_prints_what_is_written(folder):
    done, rows = bench(folder, "--json", "--only", "median")
    assert json.loads(done.stdout) == list(rows.values())


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--only", "no such row"], ["--only", "("]])
def test_wrong_patterns_are_usage_errors_and_write_nothing(folder, options):
    done, rows = bench(folder, *options)
    assert done.returncode == 2
    assert rows == {}
    assert done.stderr


@pytest.mark.slow
def test_a_terminated_run_keeps_what_it_measured_and_ends_its_child(folder):
    output, pid = folder / "part.json", folder / "pid"
    command = [sys.executable, str(BENCH), "--folder", str(folder), "--output", str(output), "--only", "median|sleeps"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.terminate()
        assert running.wait(10) == 143
    assert [row["name"] for row in json.loads(output.read_text())] == ["median of three"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.slow
def test_list_names_every_row_and_measures_nothing(folder):
    done, rows = bench(folder, "--list")
    assert done.stdout.splitlines()[:2] == ["median of three", "twice as fast"]
    assert "takes long" in done.stdout
    assert rows == {}


@pytest.mark.slow
def test_the_products_own_rows_are_unique_and_import_nothing_heavy():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from perf_runner import discover\n"
        "names = [row.name for entry in discover(Path(sys.argv[1]))"
        " for row in (entry.rows if hasattr(entry, 'rows') else (entry.row,))]\n"
        "assert len(names) == len(set(names)), names\n"
        "print(len(names), [name for name in ('torch', 'numpy', 'ray', 'optuna', 'httpx') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(BENCH.parent)], capture_output=True, text=True, check=True)
    count, _, heavy = done.stdout.partition(" ")
    assert int(count) >= 20
    assert heavy.strip() == "[]"
