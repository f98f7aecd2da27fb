"""What several losses are tried on."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def batch():
    """Logits (6, 5) and targets."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.tensor([0, 4, 4, 2, 1, 0])


@pytest.fixture
def features():
    """Features (9, 4)."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(9, 4, generator=generator, dtype=torch.float64).requires_grad_()
