"""One checkpoint for all tests of exported files."""

from __future__ import annotations

import pytest
from drawn_model import checkpoint_of, config_of


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("export-cache")


@pytest.fixture(scope="session")
def checkpoint(cache, tmp_path_factory):
    config = config_of(DATALOADER__CACHE_DIR=str(cache), TEST__FLIP__ENABLED=True)
    return checkpoint_of(config, tmp_path_factory.mktemp("export") / "epoch-0003.pt")
