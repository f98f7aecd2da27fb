"""A batch to embed that the memory does not hold is passed in smaller parts, with the same rows."""

from __future__ import annotations

import pytest
import torch

from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import passed
from reid_core.modeling import build_model

CPU = Compute(torch.device("cpu"))


@pytest.fixture
def model(tiny):
    return build_model(tiny(), 4)


def batches():
    draw = torch.Generator().manual_seed(0)
    sizes = (8, 8, 3)
    return [
        EvalBatch(torch.randint(0, 256, (size, 3, 4, 4), dtype=torch.uint8, generator=draw), torch.arange(size))
        for size in sizes
    ]


def small_memory(limit, asked, error):
    def seen(images, camids):
        asked.append(len(images))
        if len(images) > limit:
            raise error
        return images.float().mean((2, 3)) + camids[:, None]

    return seen


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("full"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_parts_that_fit_give_the_rows_of_the_whole_and_are_remembered(model, error):
    asked = []
    whole = passed(small_memory(8, [], error), model, batches(), CPU, width=3)
    parts = passed(small_memory(3, asked, error), model, batches(), CPU, width=3)
    assert (parts == whole).all()
    assert asked == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]


def test_an_image_that_does_not_fit_alone_is_an_error(model):
    with pytest.raises(MemoryError):
        passed(small_memory(0, [], MemoryError()), model, batches(), CPU, width=3)


def test_another_error_is_not_tried_again(model):
    asked = []
    with pytest.raises(RuntimeError, match="of another kind"):
        passed(small_memory(3, asked, RuntimeError("of another kind")), model, batches(), CPU, width=3)
    assert asked == [8]


def test_embedding_runs_in_inference_mode_with_channels_last(model):
    seen = []

    def look(images, camids):
        seen.append((images.is_inference(), images.is_contiguous(memory_format=torch.channels_last)))
        return images.float().mean((2, 3))

    passed(look, model, batches(), CPU, width=3)
    assert set(seen) == {(True, True)}
