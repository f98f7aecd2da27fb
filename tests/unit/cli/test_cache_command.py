"""`reid-tune cache`: what it says, what it removes, and that it asks first."""

from __future__ import annotations

import json

import numpy as np
import pytest

from orchestrator.cli.main import main
from reid_core.data.cache import ImageCache


class Grey:
    def decode(self, _path, size, _interpolation):
        return np.zeros((*size, 3), dtype=np.uint8)

    def stamp(self, _paths):
        return "grey"


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path))
    monkeypatch.delenv("REID_TUNE_CACHE_GIB", raising=False)

    def call(*words, code=0):
        with pytest.raises(SystemExit) as ended:
            main(["cache", *words])
        got = capsys.readouterr()
        assert ended.value.code == code, got
        return got.out + got.err

    return call


@pytest.fixture
def arrays(tmp_path):
    def build(name):
        return ImageCache(tmp_path / "cache").open(Grey(), name, ["1", "2"], (8, 4)).images

    build("f")
    return build


def test_an_empty_cache_is_no_error(said):
    assert said("ls").startswith("0 arrays, 0 B of at most 64.0 GiB")
    assert said("clear", "--yes").startswith("0 arrays removed")


def test_ls_shows_size_filter_and_last_use(said, arrays):
    text = said("ls")
    assert "8 x 4" in text
    assert "bilinear" in text
    assert "0 s ago" in text
    (row,) = json.loads(said("ls", "--json"))["rows"]
    assert (row["images"], row["height"], row["width"], row["used"]) == (2, 8, 4, False)
    assert row["fingerprint"] == "f"


def test_clear_asks_and_without_a_terminal_says_how_not_to_be_asked(said, arrays):
    assert "--yes" in said("clear", code=2)
    assert len(json.loads(said("ls", "--json"))["rows"]) == 1


def test_clear_by_name_and_age(said, arrays):
    arrays("g")
    first, second = (row["name"] for row in json.loads(said("ls", "--json"))["rows"])
    assert said("clear", "--unused-for", "1", "--yes").startswith("0 arrays removed")
    assert said("clear", first[:6], "--dry-run").splitlines()[-1].startswith("1 array would be removed")
    assert said("clear", first[:6], "--yes").splitlines()[-1].startswith("1 array removed")
    assert [row["name"] for row in json.loads(said("ls", "--json"))["rows"]] == [second]
    assert "reid-tune cache ls" in said("clear", "zzzz", "--yes", code=5)


def test_what_is_in_use_stays(said, arrays):
    held = arrays("g")
    done = json.loads(said("clear", "--yes", "--json"))
    assert len(done["removed"]) == 1
    assert [row["fingerprint"] for row in done["in_use"]] == ["g"]
    assert "in use" in said("ls")
    assert len(held) == 2


def test_the_limit_is_kept_for_the_home(said):
    assert "at most 20.0 GiB" in said("limit", "20")
    assert "at most 20.0 GiB" in said("limit")
    assert "above 0" in said("limit", "0", code=3)
