"""What a model costs to embed an image: weights, multiply-adds, and time on the device that it runs on."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from reid_core.config import Config
from reid_core.engine.compute import Compute
from reid_core.modeling import Architecture
from reid_core.modeling.fusion import fused
from reid_core.modeling.reparameterise import reparameterised
from reid_core.results import ModelCost
from reid_core.tasks.task import task_of

__all__ = ["model_cost"]

_WARM_SECONDS, _FEWEST_WARM = 0.2, 3
_SECONDS, _FEWEST, _MOST = 0.8, 9, 500


def model_cost(config: Config, *, batch: int = 1) -> ModelCost:
    """See `reid_core.api.measure_cost`."""
    compute = Compute.of(config)
    classes = config.model.heads.num_classes or 2
    model = reparameterised(task_of(config).model(config, classes, pretrained=False))
    parameters, flops = _counted(model, config)
    compute.place(model)
    return ModelCost(parameters, flops, _milliseconds(model, config, compute, batch), str(compute.device), batch)


def _counted(model: Architecture, config: Config) -> tuple[int, int]:
    """Weights that the embedding depends on, and multiply-adds of one image, on the CPU.

    Whatever the gradient of the embedding does not reach is no part of it: classifiers, MoCo's second encoder.
    """
    weights = list(model.requires_grad_(requires_grad=True).parameters())  # frozen ones count, too
    image, camids = torch.full((1, 3, *config.input.size_test), 127.0), torch.zeros(1, dtype=torch.long)
    # Attention in its plain form: its fused kernels on a CPU are unknown to the counter.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        embedding = model.embed(image, camids)
    gradients = torch.autograd.grad(embedding.sum(), weights, allow_unused=True)
    used = sum(w.numel() for w, gradient in zip(weights, gradients, strict=True) if gradient is not None)
    return used, counter.get_total_flops() // 2


def _milliseconds(model: Architecture, config: Config, compute: Compute, batch: int) -> float:
    """Median time of an image in a batch, from pixels in memory to the embedding in memory, as `embeddings` does it."""
    shape = (batch, 3, *config.input.size_test)
    pixels = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    camids = torch.zeros(batch, dtype=torch.long, device=compute.device)

    def embed() -> None:
        images = compute.images(pixels)
        with compute.autocast():
            features = model.embed(images, camids)
            if config.test.flip.enabled:
                features = features + model.embed(images.flip(3), camids)
        features.float().cpu()  # waits for the device

    with torch.inference_mode(), fused(model):
        _timed(embed, _WARM_SECONDS, _FEWEST_WARM)
        return 1000.0 * median(_timed(embed, _SECONDS, _FEWEST)) / batch


def _timed(act: Callable[[], None], seconds: float, fewest: int) -> list[float]:
    """Seconds of each call, for about `seconds` in all."""
    times: list[float] = []
    while len(times) < fewest or (sum(times) < seconds and len(times) < _MOST):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return times
