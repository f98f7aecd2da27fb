"""The backend contract on the inline backend."""

from __future__ import annotations

import pytest

from contract.backend_contract import BackendContract
from orchestrator.backends.inline import InlineBackend


class TestInlineBackend(BackendContract):
    @pytest.fixture
    def backend(self):
        backend = InlineBackend("trials.curves:CurveTrial")
        yield backend
        backend.close()
