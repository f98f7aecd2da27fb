"""The append-only event log of every study, with its lease, command inbox and cursors.

What may come in: one protocol, the ways to keep it (memory, SQL databases), and nothing that decides.
"""

from orchestrator.store.memory import MemoryStore
from orchestrator.store.opening import open_store
from orchestrator.store.protocol import OUTAGE_SECONDS, Columns, Lease, PendingCommand, Store, StoreError, StudyRow
from orchestrator.store.sql import SqlStore

__all__ = [
    "OUTAGE_SECONDS",
    "Columns",
    "Lease",
    "MemoryStore",
    "PendingCommand",
    "SqlStore",
    "Store",
    "StoreError",
    "StudyRow",
    "open_store",
]
