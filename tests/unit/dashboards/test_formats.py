import json
import math
import shutil
import subprocess

import pytest

from dashboards import formats
from dashboards.rendering import STATIC

EMPTY = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("number", "name", "shown"),
    [
        (0.5537, "mAP", "55.4"),
        (1.0, "rank1", "100.0"),
        (1.23456, "loss", "1.235"),
        (41.25, "seconds", "41.25"),
        (3.5e-4, "lr", "3.5e-4"),
        (None, "mAP", EMPTY),
        (math.nan, "mAP", EMPTY),
    ],
)
def test_fractions_print_as_percent_and_losses_as_they_are(number, name, shown):
    assert formats.metric(number, name) == shown


def test_gain_carries_its_sign():
    assert formats.gain(0.121) == "+12.1"
    assert formats.gain(-0.02) == "\N{MINUS SIGN}2.0"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (42, "42 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (356400, "4 d 3 h"),
        (None, EMPTY),
        (float("inf"), EMPTY),
    ],
)
def test_durations_have_two_units_at_most(seconds, shown):
    assert formats.duration(seconds) == shown


def test_relative_times_step_through_their_units():
    now = 1_000_000.0
    assert [formats.ago(now - gone, now) for gone in (1, 30, 120, 7200, 200_000)] == [
        "just now",
        "30 s ago",
        "2 min ago",
        "2 h ago",
        "2 d ago",
    ]


def test_values_read_like_yaml():
    assert [formats.value(item) for item in (None, True, 3.5e-4, 1e-5, 0.25, [128, 64], "after")] == [
        "null",
        "true",
        "3.5e-4",
        "1e-5",
        "0.25",
        "[128, 64]",
        "after",
    ]


def test_sparkline_needs_two_points_and_stays_in_its_box():
    assert formats.sparkline((0.5,)) == ""
    pairs = [tuple(map(float, pair.split(","))) for pair in formats.sparkline((0.1, 0.5, 0.4)).split()]
    assert all(0 <= x <= 120 and 0 <= y <= 24 for x, y in pairs)
    assert pairs[1][1] < pairs[2][1] < pairs[0][1]


@pytest.mark.slow
def test_browser_and_server_format_alike():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the browser's formats are compared by the browser tests' pages only")
    numbers = [0.5537, 0.0, 1.0, None]
    seconds = [0, 42, 200, 7500, 356400]
    values = [None, True, 3.5e-4, 0.25, 60, [128, 64], "after"]
    script = (
        f"import * as f from {json.dumps((STATIC / 'js/format.js').as_uri())};"
        f"const [n, s, v] = {json.dumps([numbers, seconds, values])};"
        "const shown = [n.map((x) => f.metric(x)), n.map((x) => f.metric(x, 'loss')), f.metricLabel('rank1')];"
        "shown.push(n.map((x) => f.gain(x)), s.map(f.duration), v.map(f.value), f.shortKey('SOLVER.BASE_LR'));"
        "console.log(JSON.stringify(shown))"
    )
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [formats.metric(x) for x in numbers],
        [formats.metric(x, "loss") for x in numbers],
        formats.metric_label("rank1"),
        [formats.gain(x) for x in numbers],
        [formats.duration(x) for x in seconds],
        [formats.value(x) for x in values],
        formats.short_key("SOLVER.BASE_LR"),
    ]
