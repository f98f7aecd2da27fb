"""Every store against the one contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres_server import Server

from contract.store_contract import SharedStoreContract, StoreContract, study, token
from orchestrator.store import MemoryStore, Store, open_store

__all__ = ["TestMemoryStore", "TestPostgresStore", "TestSqliteStore", "study", "token"]


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class _OpenedByAddress(SharedStoreContract):
    @pytest.fixture
    def opened(self) -> Iterator[list[Store]]:
        stores: list[Store] = []
        yield stores
        for store in stores:
            store.close()

    @pytest.fixture
    def reopen(self, address: str, opened: list[Store]) -> Callable[[], Store]:
        def again() -> Store:
            opened.append(open_store(address))
            return opened[-1]

        return again

    @pytest.fixture
    def store(self, reopen: Callable[[], Store]) -> Store:
        return reopen()


class TestSqliteStore(_OpenedByAddress):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/home/studies.db"

    @pytest.fixture
    def fresh_address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/fresh/studies.db"


class TestPostgresStore(_OpenedByAddress):
    @pytest.fixture
    def address(self, postgres: Server) -> str:
        return postgres.url()

    @pytest.fixture
    def fresh_address(self, postgres: Server) -> str:
        return postgres.url()
