"""Backbones that train and compile in no time: (B, 3, H, W) -> (B, 8, H / 8, W / 8)."""

from __future__ import annotations

from torch import nn


def build(_):
    return _described(nn.Sequential(nn.Conv2d(3, 8, 8, stride=8, bias=False), nn.BatchNorm2d(8), nn.ReLU()))


def build_without_norm(_):
    return _described(nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.ReLU()))


def _described(backbone):
    backbone.feature_dim = 8
    return backbone
