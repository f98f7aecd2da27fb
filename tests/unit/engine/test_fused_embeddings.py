"""Embeddings are computed with batch norms inside convolutions: nobody can tell from the model or the numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.modeling import build_model

CPU = Compute(torch.device("cpu"))


@pytest.fixture
def model(tiny):
    torch.manual_seed(0)
    model = build_model(tiny(), 6)
    for _ in range(2):  # statistics and weights that are not those of a new model
        model.outputs(torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8), torch.arange(8) % 6)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("flip", [False, True])
def test_embeddings_are_those_of_the_model_itself(model, flip):
    batches = [EvalBatch(torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)) for _ in range(2)]
    got = torch.from_numpy(embeddings(model, batches, CPU, flip=flip))
    images = torch.cat([batch.images for batch in batches])
    with torch.inference_mode():
        want = model.eval().embed(images) + (model.embed(images.flip(3)) if flip else 0)
    assert (got - want).abs().max() <= 1e-5 * want.abs().max()


@pytest.mark.slow
def test_a_model_looked_at_is_bit_by_bit_the_one_before(model):
    before = copy.deepcopy(model.state_dict())
    layers = [type(module) for module in model.modules()]
    embeddings(model, [EvalBatch(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))], CPU)
    assert [type(module) for module in model.modules()] == layers
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_the_layers_that_compute_have_no_batch_norm_behind_a_convolution(model, monkeypatch):
    seen = []
    real = type(model).embed
    monkeypatch.setattr(
        type(model),
        "embed",
        lambda self, *rest: (seen.append([type(one) for one in self.backbone.modules()]), real(self, *rest))[1],
    )
    embeddings(model, [EvalBatch(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))], CPU)
    assert nn.BatchNorm2d not in seen[0]
