"""Triplet, circle and center losses, forward and backward, beside other toolboxes' algorithms in the same run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_most_times, benchmark, seconds

if TYPE_CHECKING:
    import torch

_CLASSES = 751
_MARKET = (64, 2_048)  # images of a batch, width: ResNet-50 with 16 x 4 images
_WIDE = (512, 512)
_TRIPLET = "fastest of Bag of Tricks, torchreid, PyTorch Metric Learning, FastReID"
_CIRCLE = "fastest of FastReID, PyTorch Metric Learning"
_CENTER = "Bag of Tricks"


def _rows(loss: str, peer: str) -> tuple[Row, ...]:
    sizes = (f"{images} x {width:,}" for images, width in (_MARKET, _WIDE))
    return tuple(Row(f"{loss} loss, forward + backward, {size}", "ms", at_most_times(1), peer) for size in sizes)


@benchmark(*_rows("triplet", _TRIPLET))
def triplet(run: Run) -> tuple[Sample, ...]:
    from plain_losses import hinged_matrix_triplet, looped_triplet, matrix_triplet, mined_triplet

    from reid_core.losses import triplet_loss

    peers = {
        "Bag of Tricks": matrix_triplet,
        "torchreid": looped_triplet,
        "PyTorch Metric Learning": mined_triplet,
        "FastReID": hinged_matrix_triplet,
    }
    return tuple(_sample(run, size, triplet_loss, peers) for size in (_MARKET, _WIDE))


@benchmark(*_rows("circle", _CIRCLE))
def circle(run: Run) -> tuple[Sample, ...]:
    from plain_losses import masked_circle, selected_circle

    from reid_core.losses import circle_loss

    def ours(features: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return circle_loss(features, targets, margin=0.25, gamma=128)

    peers = {"FastReID": masked_circle, "PyTorch Metric Learning": selected_circle}
    return tuple(_sample(run, size, ours, peers) for size in (_MARKET, _WIDE))


@benchmark(*_rows("center", _CENTER))
def center(run: Run) -> tuple[Sample, ...]:
    import torch
    from plain_losses import all_classes_center

    from reid_core.losses import center_loss

    samples = []
    for size in (_MARKET, _WIDE):
        draw = torch.Generator().manual_seed(1)
        centers = torch.randn(_CLASSES, size[1], generator=draw, requires_grad=True)

        def ours(features: torch.Tensor, targets: torch.Tensor, centers: torch.Tensor = centers) -> torch.Tensor:
            return center_loss(features, targets, centers)

        def theirs(features: torch.Tensor, targets: torch.Tensor, centers: torch.Tensor = centers) -> torch.Tensor:
            return all_classes_center(features, targets, centers)

        samples.append(_sample(run, size, ours, {"Bag of Tricks": theirs}, centers))
    return tuple(samples)


def _sample(
    run: Run,
    size: tuple[int, int],
    ours: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    peers: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]],
    *parameters: torch.Tensor,
) -> Sample:
    """All in turn, one thread, four images an identity; first the losses are checked to agree.

    A measurement is the fastest of several calls: they take a millisecond, and a busy machine adds more than that.
    """
    import torch

    torch.set_num_threads(1)
    count, width = size
    features = torch.randn(count, width, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets = torch.arange(count) // 4

    def milliseconds(loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> float:
        times = []
        for _ in range(run.size(8, 3)):
            for leaf in (features, *parameters):
                leaf.grad = None
            times.append(1e3 * seconds(lambda: loss(features, targets).backward()))
        return min(times)

    want = ours(features, targets).item()
    for name, peer in peers.items():
        got = peer(features, targets).item()
        if abs(got - want) > 1e-3 * abs(want):
            raise RuntimeError(f"the loss is {want:g} here and {got:g} in {name}'s algorithm")
    values, beside = [], {name: list[float]() for name in peers}
    milliseconds(ours)
    for _ in range(run.size(15, 3)):
        values.append(milliseconds(ours))
        for name, peer in peers.items():
            beside[name].append(milliseconds(peer))
    medians = {name: sorted(times)[len(times) // 2] for name, times in beside.items()}
    fastest = min(medians, key=lambda name: medians[name])
    each = ", ".join(f"{name} {median:.2f}" for name, median in medians.items())
    return Sample(values, beside[fastest], f"one thread, equal losses ({want:.3f}); {each} ms")
