from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.modeling.backbones import ResNeSt, ResNeStDepth
from reid_core.modeling.backbones.resnest import _SplitAttention
from reid_core.modeling.layers import Norm


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "published"),
    [("50x", 27_483_240), ("101x", 48_275_016), ("200x", 70_201_544), ("269x", 110_929_480)],
)
def test_parameters_are_the_published_number_less_the_classifier(depth, published):
    with torch.device("meta"):
        backbone = ResNeSt(ResNeStDepth(depth))
    assert backbone.feature_dim == 2048
    assert sum(parameter.numel() for parameter in backbone.parameters()) == published - 1000 * 2049


def test_state_dict_has_as_many_entries_as_fastreids():
    with torch.device("meta"):
        keys = ResNeSt().state_dict()
    assert len(keys) == 474
    assert keys["conv1.6.weight"].shape == (64, 32, 3, 3)
    assert keys["layer1.0.downsample.1.weight"].shape == (256, 64, 1, 1)
    assert keys["layer4.2.conv2.conv.weight"].shape == (1024, 256, 3, 3)
    assert keys["layer4.2.conv2.fc1.bias"].shape == (256,)


def test_split_attention_is_the_softmax_over_two_halves_of_each_channel():
    torch.manual_seed(0)
    module = _SplitAttention(8, 1, Norm.BATCH).eval()
    for norm in (module.bn0, module.bn1):
        nn.init.uniform_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 1.5)
    x = torch.randn(2, 8, 5, 3)
    with torch.no_grad():
        halves = module.bn0(module.conv(x)).relu()
        scores = module.fc2(module.bn1(module.fc1((halves[:, :8] + halves[:, 8:]).mean((2, 3), keepdim=True))).relu())
        want = torch.empty(2, 8, 5, 3)
        for image in range(2):
            for channel in range(8):
                pair = torch.stack((scores[image, channel, 0, 0], scores[image, channel + 8, 0, 0])).softmax(0)
                want[image, channel] = pair[0] * halves[image, channel] + pair[1] * halves[image, channel + 8]
        torch.testing.assert_close(module(x), want)


@pytest.mark.slow
@pytest.mark.parametrize(("last_stride", "size"), [(1, (4, 2)), (2, (2, 1))])
def test_last_stride_sets_the_feature_map(last_stride, size):
    with torch.no_grad():
        assert ResNeSt(last_stride=last_stride).eval()(torch.zeros(1, 3, 64, 32)).shape == (1, 2048, *size)


@pytest.mark.slow
def test_last_stride_1_dilates_layer_4_behind_its_first_block():
    with torch.device("meta"):
        dilations = [
            [block.conv2.conv.dilation[0] for block in ResNeSt(last_stride=stride).layer4] for stride in (1, 2)
        ]
    assert dilations == [[1, 2, 2], [1, 1, 1]]


@pytest.mark.slow
def test_first_blocks_of_layers_2_to_4_average():
    with torch.device("meta"):
        backbone = ResNeSt(last_stride=1)
    layers = (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)
    averages = [
        (stage, index) for stage, layer in enumerate(layers, 1) for index, block in enumerate(layer) if pools(block)
    ]
    assert averages == [(2, 0), (3, 0), (4, 0)]
    assert backbone.layer4[0].average.stride == 1


def pools(block):
    return isinstance(block.average, nn.AvgPool2d)


@pytest.mark.slow
@pytest.mark.parametrize("norm", [Norm.BATCH, Norm.GROUP])
def test_every_parameter_is_trained(norm):
    torch.manual_seed(0)
    model = ResNeSt(norm=norm).train()
    model(torch.randn(2, 3, 32, 32)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_group_norm_keeps_what_the_attention_sees_of_one_image():
    torch.manual_seed(0)
    module = _SplitAttention(64, 1, Norm.GROUP).eval()
    hidden = module.bn1(torch.randn(1, 32, 1, 1))
    assert hidden.std() > 0.5


def test_mixed_precision_runs_where_the_normalisation_stays_in_single_precision():
    module = _SplitAttention(32, 1, Norm.GROUP).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert module(torch.randn(1, 32, 4, 4)).shape == (1, 32, 4, 4)
