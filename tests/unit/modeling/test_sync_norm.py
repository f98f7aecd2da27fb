"""syncBN in one process is batch norm; in several it is tested with the training that needs it (engine)."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.modeling.layers import Norm, make_norm


def test_sync_norm_alone_is_batch_norm_with_the_same_state():
    torch.manual_seed(0)
    ours, plain = make_norm(Norm.SYNC_BATCH, 5), nn.BatchNorm2d(5)
    assert ours.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(4, 5, 3, 2)
    torch.testing.assert_close(ours(x), plain(x))
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())
    torch.testing.assert_close(ours.eval()(x), plain.eval()(x))
