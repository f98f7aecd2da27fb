"""Non-local block in FastReID's form."""

from __future__ import annotations

import torch
from torch import nn

from reid_core.modeling.layers.norm import Norm, make_norm

__all__ = ["NonLocal"]


class NonLocal(nn.Module):
    """Dot-product attention over all positions, added to its input: (B, C, H, W) -> (B, C, H, W).

    Wang et al., "Non-local Neural Networks" (CVPR 2018), with FastReID's inner width of 1; its zoo weights have
    that shape. The output normalisation starts at zero, so a new block is the identity.
    """

    def __init__(self, channels: int, norm: Norm = Norm.BATCH) -> None:
        super().__init__()
        self.g = nn.Conv2d(channels, 1, kernel_size=1)
        output_norm = make_norm(norm, channels)
        self.W = nn.Sequential(nn.Conv2d(1, channels, kernel_size=1), output_norm)
        self.theta = nn.Conv2d(channels, 1, kernel_size=1)
        self.phi = nn.Conv2d(channels, 1, kernel_size=1)
        for parameter in output_norm.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> (B, C, H, W).

        With inner width 1 the attention theta phi^T / N times g is theta times the scalar <phi, g> / N:
        O(HW) instead of O((HW)^2), the same number.
        """
        theta: torch.Tensor = self.theta(x)
        phi: torch.Tensor = self.phi(x)
        g: torch.Tensor = self.g(x)
        response = theta * (phi * g).mean(dim=(2, 3), keepdim=True)
        output: torch.Tensor = self.W(response)
        return output + x
