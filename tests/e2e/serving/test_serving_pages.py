"""What docs/search-images.md and docs/serving.md tell to type works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def told(page, language):
    return [body for kind, body in FENCE.findall((ROOT / "docs" / page).read_text()) if kind == language]


@pytest.fixture
def folder(place, tmp_path, monkeypatch, home):
    """A folder as the pages suppose it."""
    shutil.copy(place.model, tmp_path / "model.pt")
    shutil.copytree(place.images[0].parent, tmp_path / "photos")
    shutil.copy(place.images[0], tmp_path / "query.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_on_search_runs_in_its_order(folder, capfd):
    from orchestrator.cli.main import main

    lines = [line for block in told("search-images.md", "sh") for line in block.splitlines()]
    assert len(lines) >= 9
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "reid-tune"
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code, f"{line}: {capfd.readouterr().err}"
    page = (folder / "found.html").read_text()
    assert page.count("<section>") == 20
    assert page.count("data:image/jpeg;base64,") == 20 * 11
    assert "http" not in page.replace("http-equiv", "")


def test_the_ten_line_client_of_the_page_on_serving_works(folder, served, capfd):
    (client,) = told("serving.md", "python")
    assert len([line for line in client.splitlines() if line]) <= 10
    exec(compile(client.replace("http://127.0.0.1:8400", served.url), "serving.md", "exec"), {})
    assert capfd.readouterr().out.strip().endswith(".png")


def test_drift_of_the_page_on_serving_tells_what_was_asked(folder, place, capfd):
    from orchestrator.cli.main import main
    from orchestrator.service.served_model.spread import AskedSpread
    from reid_core.gallery.index import open_index

    shutil.copytree(place.index, folder / "people")
    index = open_index(folder / "people")
    spread = AskedSpread(folder / "people")
    for _ in range(120):
        spread.saw(index.search(index.vectors(index.ids[:1]), 1).distances[:, 0])
    spread.save()
    block = told("serving.md", "sh")[-1]
    for line in block.splitlines():
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line)[1:])
        assert ended.value.code in {0, None}, capfd.readouterr().err
    assert '"verdict": "too few"' in capfd.readouterr().out  # the index has 20 images


def test_the_command_that_assistants_start_is_one(capfd):
    import json

    from orchestrator.cli.main import cli

    (told_to,) = told("serving.md", "json")
    server = json.loads(told_to)["mcpServers"]["reid-tune"]
    assert server["command"] == "reid-tune"
    name, command, rest = cli.resolve_command(cli.make_context("reid-tune", list(server["args"])), server["args"])
    assert command.make_context(name, rest).params["role"] == "viewer"
