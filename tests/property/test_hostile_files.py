"""Spaces, configurations, manifests and checkpoints with anything in them: read, or refused by the project's errors."""

import io
import os
import pickle
import tempfile
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reid_core.config import load_config, parse_value, read_yaml
from reid_core.data.layouts.manifest import read_manifest
from reid_core.engine import checkpoint
from reid_core.errors import CheckpointError, ConfigError, InvalidInput, ReidTuneError
from reid_core.modeling.weights.reading import read_weights
from search_spaces import catalog
from search_spaces.constraints import ExpressionError, parse_constraint
from search_spaces.load import load_space

LONG = 40
"""How many times as many examples under `make test-faults`."""
HANGS = timedelta(seconds=60)
"""What no example may take, on a machine however busy."""


def fuzzed(examples, **drawn):
    """The property over `examples` fixed examples, and a second test of LONG times as many, marked as a fault test."""

    def wrap(check):
        def limited(most):
            quiet = settings(
                max_examples=most,
                derandomize=True,
                database=None,
                deadline=HANGS,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            return quiet(given(**drawn)(check))

        ordinary, long = limited(examples), limited(examples * LONG)

        hours = [pytest.mark.faults, pytest.mark.timeout(3600)]

        @pytest.mark.parametrize(
            "run", [pytest.param(ordinary, id="quick"), pytest.param(long, id="long", marks=hours)]
        )
        def test(run):
            run()

        test.__name__ = check.__name__
        return test

    return wrap


# text ---------------------------------------------------------------------------

HOSTILE = [
    "&a [*a, *a]",
    "*nobody",
    "!!python/object/apply:os.system ['true']",
    "!!python/name:os.system",
    "!!binary aGVsbG8=",
    "!!set {a}",
    "!!int x",
    "<<: *a",
    "[" * 3000,
    "{a: " * 500,
    "(" * 3000 + ")",
    "(" + "1," * 9000 + ")",
    "9" * 6000,
    "-" + "9" * 6000,
    "0x" + "f" * 6000,
    "1e999999999",
    ".nan",
    "-.inf",
    "~",
    "''",
    "yes",
    "2026-01-01",
    "\u202e\ufeff",
    "\x00",
    "\ud7ff",
    "a" * 20_000,
    "? [a]",
    "- ",
    "---",
    "...",
    "|",
    "%YAML 9.9",
    "{type: choice, values: []}",
    "{type: float, low: 0, high: 1, log: true}",
    "{type: float, low: 1.0e-320, high: 1.0e+308, log: true}",
    "{type: int, low: -9223372036854775809, high: 9223372036854775807}",
    "{type: float, low: 0, high: 1, step: 1.0e-300}",
    "{type: tied, to: SOLVER.BASE_LR}",
    "{type: tied, expression: 'min([])'}",
    "{when: {SOLVER.OPT: [[1]]}}",
]


@st.composite
def mangled(draw, texts):
    """One of `texts` with a few lines changed, doubled, dropped, and hostile words in place of values."""
    lines = draw(st.sampled_from(texts)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        line = lines[at] if lines else ""
        key = line.partition(":")[0]
        word = draw(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
        match draw(st.integers(0, 5)):
            case 0:
                lines[at : at + 1] = [f"{key}: {word}"]
            case 1:
                lines[at : at + 1] = []
            case 2:
                lines.insert(at, line)
            case 3:
                lines.insert(at, word)
            case 4:
                lines[at : at + 1] = [" " * draw(st.integers(0, 8)) + line]
            case _:
                cut = draw(st.integers(0, len(line)))
                lines[at : at + 1] = [line[:cut] + word + line[cut:]]
    return "\n".join(lines) + "\n"


SPACES = [catalog.read(name) for name in catalog.names()]
CONFIGS = [
    "_BASE_: demo\nSOLVER:\n  BASE_LR: 3e-4\n  STEPS: [3, 6]\n  OPT: Adam\nINPUT:\n  SIZE_TRAIN: [64, 32]\n",
    '_BASE_: bnneck\nMODEL:\n  LOSSES:\n    NAME: ("CrossEntropyLoss", "TripletLoss")\n    TRI: {MARGIN: 0.3}\n',
]


@pytest.mark.slow
@fuzzed(25, text=mangled(SPACES))
def test_any_space_is_read_or_refused(text):
    with suppress(ReidTuneError):
        load_space(text)


@pytest.mark.slow
@fuzzed(25, text=mangled(CONFIGS))
def test_any_configuration_is_read_or_refused(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        with suppress(ReidTuneError):
            load_config(file)


@pytest.mark.slow
@fuzzed(60, data=st.binary(max_size=300))
def test_any_bytes_are_read_as_a_configuration_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_bytes(data)
        with suppress(ReidTuneError):
            load_config(file)


@pytest.mark.slow
@fuzzed(80, text=st.one_of(st.text(max_size=60), st.sampled_from(HOSTILE)))
def test_any_setting_is_read_or_refused(text):
    with suppress(ConfigError):
        parse_value(text)


EXPRESSION = st.recursive(
    st.sampled_from(
        ["SOLVER.BASE_LR", "K", "9", "0", "1e308", "-1", "'a'", "[1, 2]", "true", "null", "9" * 400, "()", "x"]
    ),
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "<", "==", "in", "and", "or", "is", "@", ":=", ","]),
            inner,
        ).map(" ".join),
        inner.map("({})".format),
        inner.map("not {}".format),
        inner.map("max({})".format),
        inner.map("len({})".format),
        inner.map("({})[0]".format),
        inner.map("__import__({})".format),
        inner.map("({}).__class__".format),
        inner.map("[x for x in {}]".format),
        inner.map("lambda: {}".format),
    ),
    max_leaves=12,
)


@pytest.mark.slow
@fuzzed(250, text=st.one_of(EXPRESSION, st.text(max_size=80)))
def test_any_constraint_is_judged_or_refused(text):
    with suppress(ExpressionError):
        parse_constraint(text).holds({"SOLVER.BASE_LR": 1e-3, "K": [1, 2]})


@pytest.mark.parametrize(
    "text",
    [
        "2 ** 64 ** 64 ** 64 > 1",
        "((9 ** 64) ** 64) ** 64 > 1",
        "1" * 499,
        "(" * 400 + "1" + ")" * 400,
        "1 + " * 120 + "1 > 0",
        "'a' * 999999999 == 'b'",
        "[1] * 999999999 == []",
        "__import__('os').system('true') == 0",
        "(1).__class__.__bases__ == 0",
        "[x for x in [1]] == [1]",
        "f'{1}' == '1'",
    ],
)
def test_a_constraint_can_neither_hang_nor_reach_python(text):
    with pytest.raises(ExpressionError):
        parse_constraint(text).holds({})


@pytest.mark.slow
def test_aliases_that_multiply_are_refused_before_they_fill_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    tracemalloc.start()
    with pytest.raises(ConfigError, match="aliases"):
        read_yaml("\n".join(lines), "bomb.yaml")
    assert tracemalloc.get_traced_memory()[1] < 100e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!python/module:os", "!x"]
)
def test_tags_build_no_objects(tag):
    for read in (lambda text: read_yaml(text, "x"), load_space):
        with pytest.raises(InvalidInput, match="unsafe-tag"):
            read(f"name: {tag} [x]\nrecipe: demo\n")


# manifests ----------------------------------------------------------------------

ROWS = ["file,pid,camid,split", "a.jpg,1,1,train", "b.jpg,1,2,train", "c.jpg,2,1,query", "d.jpg,2,2,gallery"]
CELLS = [
    "../../etc/passwd",
    "/etc/passwd",
    "a.jpg",
    "\x00",
    "-1",
    "9" * 5000,
    "1e9",
    "٣",
    '"',
    "'",
    ",,,,",
    "\r",
    "train",
]


@st.composite
def manifests(draw):
    """A manifest with a few cells changed; or any bytes."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=300))
    lines = (
        [line.split(",") for line in draw(st.permutations(ROWS))]
        if draw(st.booleans())
        else [line.split(",") for line in ROWS]
    )
    for _ in range(draw(st.integers(1, 4))):
        row = lines[draw(st.integers(0, len(lines) - 1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(st.one_of(st.sampled_from(CELLS), st.text(max_size=10)))
    return "\n".join(",".join(row) for row in lines).encode("utf-8", "surrogatepass")


@pytest.mark.slow
@fuzzed(120, data=manifests(), no_cameras=st.booleans(), skip_bad=st.booleans())
def test_any_manifest_is_read_or_refused_and_names_nothing_outside(data, no_cameras, skip_bad):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        root.mkdir()
        for name in "abcd":
            (root / f"{name}.jpg").write_bytes(b"x")
        (root / "manifest.csv").write_bytes(data)
        with suppress(InvalidInput):
            found = read_manifest(root, no_cameras=no_cameras, skip_bad=skip_bad)
            for record in (*found.train, *found.query, *found.gallery):
                assert Path(os.path.realpath(root / record.path)).is_relative_to(root.resolve())


# checkpoints --------------------------------------------------------------------


def whole_checkpoint():
    buffer = io.BytesIO()
    content = {"kind": "reid-tune checkpoint", "format": 1, "parts": {"model": {"w": torch.zeros(3, 2)}}}
    torch.save(content, buffer)
    return buffer.getvalue()


WHOLE = whole_checkpoint()
PICKLES = [pickle.dumps(value) for value in ({}, {"kind": "reid-tune checkpoint"}, [1], {"model": 1})]


@st.composite
def damaged(draw):
    """A checkpoint cut, overwritten in places, with bytes put in; or a pickle; or any bytes."""
    match draw(st.integers(0, 5)):
        case 0:
            return draw(st.binary(max_size=300))
        case 1:
            return draw(st.sampled_from(PICKLES)) + draw(st.binary(max_size=20))
        case 2:
            return WHOLE[: draw(st.integers(0, len(WHOLE)))]
    data = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(data)


@pytest.mark.slow
@fuzzed(150, data=damaged(), suffix=st.sampled_from([".pt", ".pth", ".safetensors"]))
def test_any_checkpoint_is_read_or_refused(data, suffix):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"model{suffix}"
        file.write_bytes(data)
        for read in (checkpoint.load, read_weights):
            with suppress(ReidTuneError):
                read(file)


class Evil:
    """Unpickled without care, it leaves a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (os.mkdir, (self.mark,))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".onnx"])
def test_no_code_in_a_checkpoint_runs(tmp_path, suffix, zipped):
    mark, file = tmp_path / "pwned", tmp_path / f"evil{suffix}"
    torch.save({"kind": "reid-tune checkpoint", "model": Evil(str(mark))}, file, _use_new_zipfile_serialization=zipped)
    for read in (checkpoint.load, read_weights):
        with pytest.raises(CheckpointError):
            read(file)
    assert not mark.exists()


@pytest.mark.slow
def test_a_checkpoint_that_unpacks_to_gigabytes_is_refused(tmp_path):
    file = tmp_path / "bomb.pt"
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in source.namelist():
            bomb.writestr(name, source.read(name) if "/data/" not in name else bytes(50_000_000))
    assert file.stat().st_size < 1e6
    for read in (checkpoint.load, read_weights):
        with pytest.raises(CheckpointError, match="compressed"):
            read(file)
