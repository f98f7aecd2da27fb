from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.modeling.backbones import OSNet, OSNetAin
from reid_core.modeling.backbones.osnet import WIDTHS
from reid_core.modeling.backbones.osnet_blocks import Block, BlockAin
from reid_core.modeling.layers import Norm

TINY = WIDTHS["x0_25"]


def keys_of(make):
    with torch.device("meta"):
        return make().state_dict()


# millions of parameters in table 1 of torchreid's model zoo, with a 512-dimensional layer behind the pooling
@pytest.mark.slow
@pytest.mark.parametrize(("size", "published"), [("x1_0", 2.2), ("x0_75", 1.3), ("x0_5", 0.6), ("x0_25", 0.2)])
@pytest.mark.parametrize("make", [OSNet, OSNetAin])
def test_parameters_are_the_published_number(make, size, published):
    with torch.device("meta"):
        backbone = make(WIDTHS[size])
    assert backbone.feature_dim == WIDTHS[size][3]
    behind = 512 * (backbone.feature_dim + 1) + 2 * 512
    assert round((sum(each.numel() for each in backbone.parameters()) + behind) / 1e6, 1) == published


@pytest.mark.slow
def test_state_dicts_have_as_many_entries_as_fastreids():
    assert len(keys_of(lambda: OSNet(WIDTHS["x1_0"]))) == 558
    assert len(keys_of(lambda: OSNet(WIDTHS["x1_0"], with_ibn=True))) == 559


@pytest.mark.slow
def test_ibn_stands_in_the_stem_and_after_the_sums_of_the_first_stage():
    plain, ibn = keys_of(lambda: OSNet(TINY)), keys_of(lambda: OSNet(TINY, with_ibn=True))
    pairs = {f"conv2.{block}.IN.{name}" for block in (0, 1) for name in ("weight", "bias")}
    assert set(ibn) - set(plain) == pairs
    assert set(plain) - set(ibn) == {
        f"conv1.bn.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
    }


@pytest.mark.slow
def test_ain_has_torchreids_keys():
    keys = keys_of(lambda: OSNetAin(WIDTHS["x1_0"]))
    assert {"conv2.0.conv2.0.layers.0.conv1.weight", "conv2.0.conv2.3.layers.3.bn.running_var"} <= set(keys)
    assert {"pool2.0.conv.weight", "pool3.0.bn.weight", "conv5.conv.weight", "conv4.0.downsample.bn.bias"} <= set(keys)
    assert "conv1.bn.running_mean" not in keys
    blocks = {key.removesuffix(".IN.weight") for key in keys if key.endswith(".IN.weight")}
    assert blocks == {"conv2.0", "conv2.1", "conv3.1", "conv4.0"}
    assert {key.removesuffix(".conv3.bn.weight") for key in keys if key.endswith(".conv3.bn.weight")} == {
        "conv3.0",
        "conv4.1",
    }


def scramble(module):
    """Statistics and affine parameters that a forgotten normalisation would betray."""
    for name, value in module.state_dict().items():
        if "bn" in name or "IN" in name:
            value.uniform_(0.5, 1.5) if value.is_floating_point() else None
    return module.eval()


def gated_sum(streams, gate, x):
    total = torch.zeros_like(x)
    for stream in streams:
        y = stream(x)
        squeezed = nn.functional.adaptive_avg_pool2d(y, 1)
        total += y * torch.sigmoid(gate.fc2(torch.relu(gate.fc1(squeezed))))
    return total


def test_a_block_sums_its_gated_streams_and_normalises_the_sum_with_the_shortcut():
    torch.manual_seed(0)
    block = scramble(Block(16, 64, Norm.BATCH, with_in=True))
    x = torch.randn(2, 16, 6, 4)
    with torch.no_grad():
        inner = block.conv1(x)
        total = gated_sum((block.conv2a, block.conv2b, block.conv2c, block.conv2d), block.gate, inner)
        want = block.IN(block.conv3.bn(block.conv3.conv(total)) + block.downsample(x)).relu()
        torch.testing.assert_close(block(x), want)


@pytest.mark.parametrize("with_in", [False, True])
def test_an_ain_block_normalises_the_residual_instead(with_in):
    torch.manual_seed(0)
    block = scramble(BlockAin(64, 64, Norm.BATCH, with_in=with_in))
    x = torch.randn(2, 64, 6, 4)
    with torch.no_grad():
        residual = block.conv3.conv(gated_sum(block.conv2, block.gate, block.conv1(x)))
        normalise = block.IN if with_in else block.conv3.bn
        torch.testing.assert_close(block(x), (normalise(residual) + x).relu())


@pytest.mark.slow
def test_both_forms_of_a_plain_block_are_the_same_function():
    torch.manual_seed(0)
    fastreid, torchreid = scramble(Block(16, 64, Norm.BATCH)), BlockAin(16, 64, Norm.BATCH, with_in=False).eval()
    renamed = {}
    for key, value in fastreid.state_dict().items():
        for letter, stream in zip("abcd", range(4), strict=True):
            old = "conv2a." if letter == "a" else f"conv2{letter}."
            if key.startswith(old):
                key = f"conv2.{stream}.layers." + ("0." if letter == "a" else "") + key.removeprefix(old)  # noqa: PLW2901
        renamed[key] = value
    torchreid.load_state_dict(renamed)
    x = torch.randn(2, 16, 6, 4)
    with torch.no_grad():
        torch.testing.assert_close(torchreid(x), fastreid(x))


@pytest.mark.parametrize("make", [OSNet, lambda widths: OSNet(widths, with_ibn=True), OSNetAin])
def test_the_map_is_16_times_smaller_in_any_layout(make):
    torch.manual_seed(0)
    model = make(TINY).eval()
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        want = model(x)
        assert want.shape == (2, 128, 4, 2)
        moved = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(moved, want, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_an_exported_program_gives_the_same_map():
    torch.manual_seed(0)
    model = OSNet(TINY, with_ibn=True).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), model(x))


@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.GROUP])
@pytest.mark.parametrize("make", [OSNet, OSNetAin])
def test_every_parameter_is_trained(make, norm):
    torch.manual_seed(0)
    model = make(TINY, norm=norm).train()
    model(torch.randn(2, 3, 64, 32)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_mixed_precision_runs_where_the_normalisation_stays_in_single_precision():
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert OSNet(TINY, norm=Norm.GROUP).eval()(torch.randn(1, 3, 32, 32)).shape == (1, 128, 2, 2)
