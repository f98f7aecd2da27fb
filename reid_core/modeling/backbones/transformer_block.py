"""The block that vision transformers repeat: attention and two linear layers, each beside a short cut."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["LAYER_NORM_EPS", "TransformerBlock"]

LAYER_NORM_EPS = 1e-6
"""As in ViT's and DeiT's published weights; torch's own default is 1e-5."""


class _Attention(nn.Module):
    """Multi-head self-attention of Vaswani et al. (NeurIPS 2017), (B, N, D) -> (B, N, D)."""

    def __init__(
        self, width: int, heads: int, *, qkv_bias: bool, scale: float | None, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.heads = heads
        self.scale = scale if scale is not None else (width // heads) ** -0.5
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count, tokens, width = x.shape
        query, key, value = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        dropped = self.attention_dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropped, scale=self.scale)
        z: torch.Tensor = self.dropout(self.proj(y.transpose(1, 2).reshape(count, tokens, width)))
        return z


class _Perceptron(nn.Module):
    """Two linear layers with a GELU between, (B, N, D) -> (B, N, D)."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.dropout(self.fc2(self.dropout(functional.gelu(self.fc1(x)))))
        return y


class _DropPath(nn.Module):
    """Stochastic depth of Huang et al. (ECCV 2016): while training, an image leaves out the branch with probability p.

    What is kept is divided by 1 - p, so that the expectation is that of evaluation.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        kept = torch.bernoulli(torch.full((x.shape[0], *(1,) * (x.dim() - 1)), keep, dtype=x.dtype, device=x.device))
        return x * (kept / keep if keep > 0.0 else kept)


class TransformerBlock(nn.Module):
    """The pre-norm encoder block of Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021).

    (B, N, D) -> (B, N, D); `scale` multiplies the products of queries and keys, by default (D / heads) ** -0.5.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = True,
        scale: float | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = _Attention(
            width, heads, qkv_bias=qkv_bias, scale=scale, dropout=dropout, attention_dropout=attention_dropout
        )
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = _Perceptron(width, int(width * mlp_ratio), dropout)
        self.drop_path = _DropPath(drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> (B, N, D)."""
        x = x + self.drop_path(self.attn(self.norm1(x)))
        y: torch.Tensor = x + self.drop_path(self.mlp(self.norm2(x)))
        return y
