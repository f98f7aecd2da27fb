from __future__ import annotations

import math

import pytest
import torch

from reid_core.modeling.backbones import ResNet, ResNetDepth, ResNeXt, ResNeXtDepth
from reid_core.modeling.backbones.residual import BasicBlock, BlockOptions, Bottleneck
from reid_core.modeling.layers import IbnKind, Norm

PAIR = ("weight", "bias")


def keys_of(make):
    with torch.device("meta"):
        return make().state_dict()


def parameters_of(make):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().parameters())


def blocks_with(keys, name):
    """The blocks, as "layer1.0", that have a part `name`."""
    return sorted({key.partition(f".{name}.")[0] for key in keys if f".{name}." in key and key.startswith("layer")})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "published"),
    [
        (lambda: ResNet(ResNetDepth.R18), 11_689_512),
        (lambda: ResNet(ResNetDepth.R34), 21_797_672),
        (lambda: ResNet(ResNetDepth.R50), 25_557_032),
        (lambda: ResNet(ResNetDepth.R101), 44_549_160),
        (lambda: ResNet(ResNetDepth.R152), 60_192_808),
        (lambda: ResNeXt(ResNeXtDepth.X50), 25_028_904),
        (lambda: ResNeXt(ResNeXtDepth.X101), 44_177_704),
    ],
)
def test_parameters_are_the_published_number_less_the_classifier(make, published):
    with torch.device("meta"):
        width = make().feature_dim
    assert parameters_of(make) == published - 1000 * (width + 1)


@pytest.mark.parametrize(
    ("make", "entries"),
    [
        (lambda: ResNet(ResNetDepth.R18), 120),
        (lambda: ResNet(ResNetDepth.R34, with_ibn=True), 242),
        (lambda: ResNet(ResNetDepth.R50, with_ibn=True), 344),
        (lambda: ResNet(ResNetDepth.R101, with_ibn=True), 684),
        (lambda: ResNeXt(ResNeXtDepth.X50, with_ibn=True), 350),
    ],
)
def test_state_dict_has_as_many_entries_as_fastreids(make, entries):
    assert len(keys_of(make)) == entries


@pytest.mark.slow
def test_resnext_has_32_groups_of_width_4_and_a_padded_stem_pooling():
    backbone = ResNeXt()
    assert backbone.layer1[0].conv2.weight.shape == (128, 4, 3, 3)
    assert backbone.layer4[2].conv2.weight.shape == (1024, 32, 3, 3)
    assert backbone.layer4[0].conv2.groups == 32
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert backbone.maxpool(x).tolist() == [[[[5.0, 7.0], [13.0, 15.0]]]]


def test_ibn_a_stands_in_three_layers_of_resnet_and_in_four_of_resnext():
    resnet = blocks_with(keys_of(lambda: ResNet(ResNetDepth.R50, with_ibn=True)), "bn1.IN")
    resnext = blocks_with(keys_of(lambda: ResNeXt(with_ibn=True)), "bn1.IN")
    assert {block.split(".")[0] for block in resnet} == {"layer1", "layer2", "layer3"}
    assert len(resnet) == 3 + 4 + 6
    assert len(resnext) == 3 + 4 + 6 + 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "blocks", "channels"),
    [
        (lambda **ibn: ResNet(ResNetDepth.R18, **ibn), ["layer1.1", "layer2.1"], (64, 128)),
        (lambda **ibn: ResNet(ResNetDepth.R50, **ibn), ["layer1.2", "layer2.3"], (256, 512)),
        (lambda **ibn: ResNeXt(ResNeXtDepth.X101, **ibn), ["layer1.2", "layer2.3"], (256, 512)),
    ],
)
def test_ibn_b_normalises_after_the_stem_and_the_first_two_layers(make, blocks, channels):
    plain, keys = keys_of(make), keys_of(lambda: make(with_ibn=True, ibn_kind=IbnKind.B))
    assert blocks_with(keys, "IN") == blocks
    added = {f"{block}.IN.{name}": (count,) for block, count in zip(blocks, channels, strict=True) for name in PAIR}
    removed = {f"bn1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    assert {key: tuple(value.shape) for key, value in keys.items() if key not in plain} == added
    assert set(plain) - set(keys) == removed


def test_the_kind_of_ibn_says_nothing_while_ibn_is_off():
    assert list(keys_of(lambda: ResNet(ResNetDepth.R18, ibn_kind=IbnKind.B))) == list(
        keys_of(lambda: ResNet(ResNetDepth.R18))
    )


def residual_of(block, x):
    y = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
    return block.bn3(block.conv3(y.relu())) if isinstance(block, Bottleneck) else y


@pytest.mark.parametrize(("block", "width"), [(BasicBlock, 8), (Bottleneck, 2)])
def test_ibn_b_normalises_each_instance_of_the_sum_before_the_relu(block, width):
    torch.manual_seed(0)
    module = block(8, width, 1, BlockOptions(ibn=IbnKind.B)).eval()
    x = torch.randn(2, 8, 5, 3)
    with torch.no_grad():
        total = x + residual_of(module, x)
        got = module(x)
    mean = total.mean(dim=(2, 3), keepdim=True)
    variance = total.var(dim=(2, 3), keepdim=True, correction=0)
    want = ((total - mean) / (variance + module.IN.eps).sqrt()).relu()
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_squeeze_excitation_ends_every_block_of_resnext():
    keys = keys_of(lambda: ResNeXt(with_se=True))
    assert len(blocks_with(keys, "se.fc")) == 16
    assert keys["layer4.2.se.fc.0.weight"].shape == (128, 2048)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "counts"),
    [
        (lambda: ResNet(ResNetDepth.R18, with_nl=True), (0, 0, 0, 0)),
        (lambda: ResNet(ResNetDepth.R34, with_nl=True), (0, 0, 0, 0)),
        (lambda: ResNet(ResNetDepth.R50, with_nl=True), (0, 2, 3, 0)),
        (lambda: ResNet(ResNetDepth.R101, with_nl=True), (0, 2, 9, 0)),
        (lambda: ResNet(ResNetDepth.R152, with_nl=True), (0, 2, 9, 0)),
        (lambda: ResNeXt(ResNeXtDepth.X50, with_nl=True), (0, 2, 3, 0)),
        (lambda: ResNeXt(ResNeXtDepth.X101, with_nl=True), (0, 2, 3, 0)),
    ],
)
def test_non_local_blocks_are_as_many_as_in_fastreid(make, counts):
    keys = keys_of(make)
    assert tuple(len({key.split(".")[1] for key in keys if key.startswith(f"NL_{n}.")}) for n in range(1, 5)) == counts


@pytest.mark.slow
def test_non_local_blocks_start_as_pytorch_starts_convolutions_and_the_rest_as_fastreid_does():
    torch.manual_seed(0)
    backbone = ResNet(ResNetDepth.R50, with_nl=True)
    theta = backbone.NL_3[0].theta.weight
    assert theta.abs().max() <= 1 / math.sqrt(1024)
    assert backbone.NL_3[0].theta.bias.abs().max() > 0
    assert backbone.layer3[0].conv2.weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 256)), rel=0.01)


@pytest.mark.slow
def test_non_local_blocks_change_nothing_at_the_start():
    torch.manual_seed(0)
    with_nl = ResNet(ResNetDepth.R50, with_nl=True).eval()
    plain = ResNet(ResNetDepth.R50).eval()
    plain.load_state_dict({key: value for key, value in with_nl.state_dict().items() if not key.startswith("NL_")})
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(with_nl(x), plain(x))


@pytest.mark.slow
@pytest.mark.parametrize(("last_stride", "size"), [(1, (4, 2)), (2, (2, 1))])
def test_last_stride_of_resnext_sets_the_feature_map(last_stride, size):
    backbone = ResNeXt(last_stride=last_stride).eval()
    assert backbone.feature_dim == 2048
    with torch.no_grad():
        assert backbone(torch.zeros(1, 3, 64, 32)).shape == (1, 2048, *size)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda: ResNet(ResNetDepth.R18, with_ibn=True, ibn_kind=IbnKind.B),
        lambda: ResNet(ResNetDepth.R18, norm=Norm.GROUP, with_ibn=True, with_se=True),
        lambda: ResNeXt(with_ibn=True, with_se=True, with_nl=True),
    ],
)
def test_every_parameter_of_a_residual_net_is_trained(make):
    torch.manual_seed(0)
    model = make().train()
    model(torch.randn(2, 3, 32, 32)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.slow
def test_channels_last_and_an_exported_program_give_the_same_map():
    torch.manual_seed(0)
    model = ResNet(ResNetDepth.R18, with_ibn=True, with_se=True).eval()
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        want = model(x)
        torch.testing.assert_close(torch.export.export(model, (x,)).module()(x), want)
        moved = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(moved, want, rtol=1e-4, atol=1e-4)
