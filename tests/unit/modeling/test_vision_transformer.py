"""Vision transformers against slow sums, and what images, strides and cameras change."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError
from reid_core.modeling import build_model
from reid_core.modeling.backbones.transformer_block import TransformerBlock
from reid_core.modeling.backbones.vision_transformer import VIT_SIZES, VisionTransformer, VitSize, resize_positions

TINY = VitSize(width=16, depth=2, heads=4)
NO_BLOCKS = VitSize(width=16, depth=0, heads=4)


def tiny(image_size=(32, 16), size=TINY, **options):
    return VisionTransformer(image_size, size, patch=8, **{"stride": (8, 8)} | options).eval()


def attention_by_loops(block, x):
    """softmax(scale q k) v for each head and token, written out."""
    width, heads = x.shape[-1], block.attn.heads
    each = width // heads
    rows = functional.linear(x, block.attn.qkv.weight, block.attn.qkv.bias)
    out = torch.zeros_like(x)
    for image in range(x.shape[0]):
        for head in range(heads):
            q, k, v = (rows[image, :, part * width + head * each :][:, :each] for part in range(3))
            for token in range(x.shape[1]):
                weights = torch.stack([torch.dot(q[token], key) * block.attn.scale for key in k]).exp()
                mixed = sum(weight * value for weight, value in zip(weights, v, strict=True)) / weights.sum()
                out[image, token, head * each : (head + 1) * each] = mixed
    return functional.linear(out, block.attn.proj.weight, block.attn.proj.bias)


@pytest.mark.parametrize("options", [{}, {"qkv_bias": False, "scale": 768**-0.5, "mlp_ratio": 3.0}])
def test_block_is_attention_and_perceptron_beside_short_cuts(options):
    block = TransformerBlock(8, 2, **options).double().eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    y = x + attention_by_loops(block, functional.layer_norm(x, (8,), block.norm1.weight, block.norm1.bias, 1e-6))
    hidden = block.mlp.fc1(functional.layer_norm(y, (8,), block.norm2.weight, block.norm2.bias, 1e-6))
    gelu = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    torch.testing.assert_close(block(x), y + block.mlp.fc2(gelu), rtol=1e-10, atol=1e-10)


def test_block_passes_the_gradient_check():
    block = TransformerBlock(4, 2).double().eval()
    assert torch.autograd.gradcheck(block, torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True))


@pytest.mark.slow
def test_fastreids_small_has_its_own_shape_and_scale():
    size = VIT_SIZES["small"]
    backbone = VisionTransformer((32, 16), size)
    state = backbone.state_dict()
    assert (len(backbone.blocks), size.heads, size.scale) == (8, 8, 768**-0.5)
    assert state["blocks.7.mlp.fc1.weight"].shape == (2304, 768)
    assert "blocks.0.attn.qkv.bias" not in state
    assert backbone.blocks[0].attn.scale == 768**-0.5


def test_feature_is_the_class_token_as_a_map_of_one_cell():
    backbone = tiny()
    features = backbone(torch.randn(3, 3, 32, 16))
    assert features.shape == (3, backbone.feature_dim, 1, 1)
    assert not backbone.sees_cameras
    assert [key for key in backbone.state_dict() if "sie" in key] == []


def test_without_blocks_the_feature_is_the_normed_class_token_and_its_position():
    backbone = tiny(size=NO_BLOCKS)
    expected = functional.layer_norm(backbone.cls_token[0] + backbone.pos_embed[0, :1], (16,), eps=1e-6)
    torch.testing.assert_close(backbone(torch.randn(1, 3, 32, 16))[..., 0, 0], expected)


@pytest.mark.parametrize(
    ("image_size", "stride", "grid"),
    [((256, 128), (16, 16), (16, 8)), ((256, 128), (12, 12), (21, 10)), ((128, 64), (16, 8), (8, 7))],
)
def test_patches_overlap_where_the_stride_is_small(image_size, stride, grid):
    backbone = VisionTransformer(image_size, VitSize(4, 1, 1), stride=stride)
    assert backbone.pos_embed.shape == (1, 1 + grid[0] * grid[1], 4)
    assert backbone.patch_embed(torch.zeros(1, 3, *image_size)).shape[2:] == grid
    assert backbone(torch.zeros(1, 3, *image_size)).shape == (1, 4, 1, 1)


def test_images_of_another_size_get_resized_positions():
    backbone = tiny((32, 16))
    assert backbone(torch.randn(2, 3, 64, 24)).shape == (2, 16, 1, 1)
    same = tiny((64, 24))
    state = backbone.state_dict() | {"pos_embed": resize_positions(backbone.pos_embed, (4, 2), (8, 3))}
    same.load_state_dict(state)
    images = torch.randn(2, 3, 64, 24)
    torch.testing.assert_close(backbone(images), same(images))


def test_resized_positions_keep_the_class_tokens_and_interpolate_the_others():
    rows = torch.arange(4.0).repeat_interleave(2)  # the row's number at each of 4 x 2 places
    positions = torch.cat((torch.tensor([9.0]), rows))[None, :, None]
    torch.testing.assert_close(resize_positions(positions, (4, 2), (4, 2)), positions)
    halved = resize_positions(positions, (4, 2), (2, 1))
    torch.testing.assert_close(halved[0, :, 0], torch.tensor([9.0, 0.5, 2.5]))


def test_image_without_room_for_a_patch_is_refused():
    with pytest.raises(ValueError, match="do not hold a patch of 16 x 16"):
        VisionTransformer((64, 8), TINY)


def test_camera_adds_its_weighted_row_to_every_token():
    backbone = tiny(size=NO_BLOCKS, cameras=3, camera_weight=2.0)
    features = backbone(torch.zeros(2, 3, 32, 16), torch.tensor([1, 2]))[..., 0, 0]
    plain = backbone.cls_token[0] + backbone.pos_embed[0, :1]
    rows = backbone.sie_embed[[1, 2], 0]
    torch.testing.assert_close(features, functional.layer_norm(plain + 2.0 * rows, (16,), eps=1e-6))


@pytest.mark.parametrize("camids", [[0, 1, 2], [1, 2, 3]], ids=["from-zero", "from-one"])
def test_cameras_of_either_numbering_have_rows_of_their_own(camids):
    backbone = tiny(cameras=3)
    image = torch.randn(1, 3, 32, 16)
    features = [backbone(image, torch.tensor([camid])) for camid in camids]
    assert len({tuple(feature.flatten().tolist()) for feature in features}) == 3


@pytest.mark.parametrize("camid", [4, 99, -1])
def test_camera_outside_the_table_gets_the_mean_as_an_unknown_one_does(camid):
    backbone = tiny(size=NO_BLOCKS, cameras=3)
    images = torch.randn(2, 3, 32, 16)
    outside, known = backbone(images, torch.tensor([camid, 1]))
    torch.testing.assert_close(outside, backbone(images)[0])
    assert not torch.allclose(known, outside)
    mean = backbone.cls_token[0] + backbone.pos_embed[0, :1] + 3.0 * backbone.sie_embed.mean(dim=0)
    torch.testing.assert_close(outside[None, :, 0, 0], functional.layer_norm(mean, (16,), eps=1e-6))


def test_every_parameter_learns_and_training_is_finite_in_bfloat16():
    backbone = tiny(cameras=2, drop_path=0.2, dropout=0.1, attention_dropout=0.1).train()
    images, camids = torch.randn(4, 3, 32, 16), torch.tensor([1, 2, 1, 2])
    (backbone(images, camids) * torch.randn(4, 16, 1, 1)).sum().backward()
    for name, parameter in backbone.named_parameters():
        assert parameter.grad is not None, name
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert backbone(images, camids).isfinite().all()


def test_stochastic_depth_drops_whole_branches_of_an_image_and_only_while_training():
    block = TransformerBlock(4, 1, drop_path=0.5)
    x = torch.randn(64, 3, 4)
    whole = block.eval()(x)
    after = x + block.attn(block.norm1(x))
    attended = x + 2 * block.attn(block.norm1(x))
    outcomes = [x, attended]
    outcomes += [middle + 2 * block.mlp(block.norm2(middle)) for middle in outcomes]
    assert torch.allclose(whole, after + block.mlp(block.norm2(after)))
    trained = block.train()(x)
    which = [
        next(number for number, outcome in enumerate(outcomes) if torch.allclose(row, outcome[index], atol=1e-5))
        for index, row in enumerate(trained)
    ]
    assert set(which) == {0, 1, 2, 3}


def test_stochastic_depth_grows_from_nothing_to_its_value():
    backbone = tiny(size=VitSize(8, 5, 2), drop_path=0.2)
    rates = [block.drop_path.probability for block in backbone.blocks]
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])


@pytest.mark.parametrize("option", ["dropout", "attention_dropout", "drop_path"])
def test_dropping_out_is_random_while_training_and_absent_in_evaluation(option):
    backbone = tiny(**{option: 0.5})
    images = torch.randn(8, 3, 32, 16)
    torch.testing.assert_close(backbone(images), backbone(images), rtol=0, atol=0)
    backbone.train()
    assert not torch.equal(backbone(images), backbone(images))


VIT = {
    "MODEL.BACKBONE.NAME": "build_vit_backbone",
    "MODEL.BACKBONE.DEPTH": "deit_small",
    "MODEL.HEADS.POOL_LAYER": "Identity",
    "INPUT.SIZE_TRAIN": [64, 32],
}


@pytest.mark.slow
def test_configuration_decides_size_stride_drops_and_cameras():
    keys = {"STRIDE_SIZE": [8, 16], "DROP_RATIO": 0.1, "ATT_DROP_RATE": 0.2, "DROP_PATH_RATIO": 0.3}
    keys |= {"SIE_CAMERAS": 6, "SIE_COE": 1.5}
    model = build_model(tree_of(VIT | {f"MODEL.BACKBONE.{key}": value for key, value in keys.items()}), 5)
    backbone = model.backbone
    assert (backbone.grid, backbone.feature_dim, len(backbone.blocks)) == ((7, 2), 384, 12)
    assert (backbone.pos_drop.p, backbone.camera_weight) == (0.1, 1.5)
    block = backbone.blocks[-1]
    assert (block.attn.attention_dropout, block.mlp.dropout.p, block.drop_path.probability) == (0.2, 0.1, 0.3)
    assert backbone.sie_embed.shape == (6, 1, 384)
    images = torch.randint(0, 256, (2, 3, 64, 32), dtype=torch.uint8)
    model.eval()
    with torch.no_grad():
        assert not torch.allclose(model.embed(images, torch.tensor([1, 1])), model.embed(images, torch.tensor([2, 2])))
        assert model.embed(images).shape == (2, 384)


def test_unknown_size_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"did you mean deit_small\?"):
        build_model(tree_of(VIT | {"MODEL.BACKBONE.DEPTH": "deit_smal"}), 5)
