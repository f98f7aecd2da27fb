"""A small model, an index of a few people, and the real server over both, once for all tests in here."""

from __future__ import annotations

import pytest
from model_server import Place, running
from small_model import small_model, some_people


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    model = small_model(folder / "run")
    images = some_people(folder / "people")
    from orchestrator.service.image_index.index import Sources, build

    build(folder / "index", Sources((str(folder / "people"),)), str(model))
    return Place(model, images, folder / "index", folder / "home")


@pytest.fixture(scope="session")
def served(place):
    with running(place, "--index", str(place.index)) as server:
        yield server
