"""Numbers for monitoring that do not depend on a study."""

from __future__ import annotations

import pytest

from orchestrator.service.figures import _size


def test_the_size_of_a_store_is_that_of_its_files_and_unknown_of_a_server(tmp_path):
    (tmp_path / "store.db").write_bytes(b"x" * 100)
    (tmp_path / "store.db-wal").write_bytes(b"x" * 11)
    assert _size(tmp_path / "store.db") == _size(f"sqlite:///{tmp_path}/store.db") == 111


@pytest.mark.parametrize("address", ["postgresql://lab@db/reid", "postgresql+psycopg://lab@db/reid"])
def test_the_size_of_a_database_server_is_unknown_and_not_nothing(address):
    assert _size(address) is None
