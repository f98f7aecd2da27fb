"""How the convolutional backbones start when no pretrained weights are given."""

from __future__ import annotations

import math

from torch import nn

__all__ = ["initialize_convolutions"]


def initialize_convolutions(module: nn.Module, *, keep_biases: bool = False) -> None:
    """Draw every convolution from N(0, 2 / (k * k * out_channels)) and zero its bias, as FastReID's backbones do.

    He et al., "Delving Deep into Rectifiers" (ICCV 2015), fan-out form without regard to groups. Where FastReID leaves
    the biases at PyTorch's own random values, `keep_biases` does too.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels
            nn.init.normal_(layer.weight, 0.0, math.sqrt(2.0 / fan_out))
            if layer.bias is not None and not keep_biases:
                nn.init.zeros_(layer.bias)
