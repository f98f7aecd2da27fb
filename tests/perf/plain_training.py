"""FastReID's ResNets, losses and optimiser in plain PyTorch: the same model and mathematics, nothing made faster.

Default memory layout, one parameter group a parameter, Adam's loop over them, distances and masks of whole matrices.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["PlainBaseline", "PlainTraining", "plain_losses"]


class _Block(nn.Module):
    expansion = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        return functional.relu(y, inplace=True)


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = functional.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return functional.relu(y, inplace=True)


_PLANS: dict[int, tuple[type[_Block | _Bottleneck], tuple[int, int, int, int]]] = {
    18: (_Block, (2, 2, 2, 2)),
    34: (_Block, (3, 4, 6, 3)),
    50: (_Bottleneck, (3, 4, 6, 3)),
}


class _Backbone(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        block, counts = _PLANS[depth]
        self.width = 512 * block.expansion
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels, stages = 64, []
        for width, stride, count in zip((64, 128, 256, 512), (1, 2, 2, 1), counts, strict=True):
            blocks = [
                block(channels if first == 0 else width * block.expansion, width, stride if first == 0 else 1)
                for first in range(count)
            ]
            stages.append(nn.Sequential(*blocks))
            channels = width * block.expansion
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        y: torch.Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return y


class _Heads(nn.Module):
    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.bottleneck = nn.Sequential(nn.BatchNorm2d(width))
        self.bottleneck[0].bias.requires_grad = False
        self.weight = nn.Parameter(torch.empty(classes, width))


class PlainBaseline(nn.Module):
    """Normalise, ResNet with last stride 1, average pooling, BNNeck, linear classifier. Keys are FastReID's."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, classes: int, depth: int = 18) -> None:
        super().__init__()
        self.backbone = _Backbone(depth)
        self.heads = _Heads(classes, self.backbone.width)
        self.register_buffer("mean", torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (B, D) before the neck and logits (B, C) of images (B, 3, H, W) in 0..255."""
        pooled = functional.adaptive_avg_pool2d(self.backbone((images - self.mean) / self.std), 1)
        after = self.heads.bottleneck(pooled)[..., 0, 0]
        return pooled[..., 0, 0], functional.linear(after, self.heads.weight)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) after the neck, as FastReID's evaluation gives them."""
        pooled = functional.adaptive_avg_pool2d(self.backbone((images - self.mean) / self.std), 1)
        after: torch.Tensor = self.heads.bottleneck(pooled)[..., 0, 0]
        return after


def plain_losses(features: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """Label-smoothed cross-entropy (.1) and batch-hard triplet loss (margin .3)."""
    classes = logits.shape[1]
    log_probabilities = functional.log_softmax(logits, dim=1)
    with torch.no_grad():
        wanted = torch.full_like(log_probabilities, 0.1 / (classes - 1))
        wanted.scatter_(1, targets[:, None], 0.9)
    each = (-wanted * log_probabilities).sum(dim=1)
    classification = each.sum() / max(int(each.detach().nonzero().shape[0]), 1)
    squares = features.pow(2).sum(dim=1, keepdim=True)
    distances = (squares + squares.t() - 2 * features @ features.t()).clamp(min=1e-12).sqrt()
    count = len(targets)
    same = targets[:, None].expand(count, count).eq(targets[None, :].expand(count, count))
    positive = distances[same].contiguous().view(count, -1).max(dim=1).values
    negative = distances[~same].contiguous().view(count, -1).min(dim=1).values
    triplet = functional.margin_ranking_loss(negative, positive, torch.ones_like(negative), margin=0.3)
    return {"loss_cls": classification, "loss_triplet": triplet}


class PlainTraining:
    """Steps of Adam over one group a parameter, its loop not fused and not batched."""

    def __init__(self, model: PlainBaseline, rate: float = 3.5e-4) -> None:
        self.model = model.train()
        groups = [{"params": [p], "lr": rate, "weight_decay": 5e-4} for p in model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.Adam(groups, lr=rate, foreach=False, fused=False)

    def step(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        """One update; the losses as numbers, with the accuracy that FastReID logs at each step."""
        features, logits = self.model(images)
        losses = plain_losses(features, logits, targets)
        accuracy = logits.detach().topk(1, 1)[1].t().eq(targets[None]).float().mean()
        total = torch.stack(list(losses.values())).sum()
        self._optimizer.zero_grad()
        torch.autograd.backward(total)
        numbers = {name: loss.item() for name, loss in losses.items()} | {"accuracy": accuracy.item()}
        self._optimizer.step()
        return numbers
