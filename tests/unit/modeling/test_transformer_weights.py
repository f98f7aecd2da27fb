"""Vision transformers of timm, DeiT, DINO, MAE, TransReID and PersonViT into the same module."""

from __future__ import annotations

import argparse

import pytest
import torch

from reid_core.errors import CheckpointError
from reid_core.modeling.backbones.vision_transformer import VisionTransformer, VitSize, resize_positions
from reid_core.modeling.weights import backbone_part, load_pretrained, load_state, read_weights
from reid_core.modeling.weights.transformers import file_grid

TINY = VitSize(width=16, depth=2, heads=4)

# A block's names, which timm, DeiT, DINO, MAE, TransReID and PersonViT share.
BLOCK = [
    "norm1.weight",
    "norm1.bias",
    "attn.qkv.weight",
    "attn.qkv.bias",
    "attn.proj.weight",
    "attn.proj.bias",
    "norm2.weight",
    "norm2.bias",
    "mlp.fc1.weight",
    "mlp.fc1.bias",
    "mlp.fc2.weight",
    "mlp.fc2.bias",
]
SHARED = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "norm.weight", "norm.bias"]
SHARED += [f"blocks.{number}.{name}" for number in (0, 1) for name in BLOCK]


def transformer(image_size=(64, 32), size=TINY, **options):
    return VisionTransformer(image_size, size, patch=8, **{"stride": (8, 8)} | options)


def state_of(image_size=(64, 32), **options):
    return {key: torch.randn_like(value) for key, value in transformer(image_size, **options).state_dict().items()}


def head(*sizes, name="head"):
    return {f"{name}.weight": torch.zeros(sizes), f"{name}.bias": torch.zeros(sizes[0])}


def test_names_of_all_tools_are_fastreids_names():
    assert set(state_of()) == set(SHARED)


def with_token(state):
    """DeiT's distilled form: a second token, its position between the class token's and the patches'."""
    positions = state["pos_embed"]
    extra = torch.full((1, 1, 16), 99.0)
    return state | {
        "dist_token": extra,
        "pos_embed": torch.cat((positions[:, :1], extra, positions[:, 1:]), dim=1),
        **head(10, 16),
        **head(10, 16, name="head_dist"),
    }


def as_mae(state):
    decoder = {"decoder_embed.weight": torch.zeros(8, 16), "decoder_blocks.0.attn.qkv.weight": torch.zeros(24, 8)}
    decoder |= {"decoder_pos_embed": torch.zeros(1, 33, 8), "decoder_pred.weight": torch.zeros(192, 8)}
    return {"model": state | {"mask_token": torch.zeros(1, 1, 8)} | decoder}


def as_dino(state):
    projector = {f"head.mlp.{number}.weight": torch.zeros(8, 8) for number in (0, 2, 4)}
    projector |= {"head.last_layer.weight_g": torch.ones(6, 1), "head.last_layer.weight_v": torch.zeros(6, 8)}
    teacher = {f"backbone.{key}": value for key, value in state.items()} | projector
    student = {f"module.{key}": torch.zeros_like(value) for key, value in teacher.items()}
    options = argparse.Namespace(arch="vit_small", patch_size=16)
    return {"student": student, "teacher": teacher, "epoch": 100, "args": options}


def as_dinov2(state):
    return {
        "model": {f"teacher.backbone.{key}": value for key, value in state.items()}
        | {f"student.backbone.{key}": torch.zeros_like(value) for key, value in state.items()}
        | {"teacher.dino_head.mlp.0.weight": torch.zeros(8, 16)}
    }


def as_transreid(state):
    whole = {f"base.{key}": value for key, value in state.items()} | head(1000, 16, name="base.fc")
    neck = {f"bottleneck.{name}": torch.ones(16) for name in ("weight", "bias", "running_mean", "running_var")}
    return whole | neck | {"classifier.weight": torch.zeros(751, 16)}


FILES = {
    "timm": lambda state: state | head(1000, 16),
    "timm-in21k": lambda state: state | head(21843, 16) | head(16, 16, name="pre_logits.fc"),
    "deit": lambda state: {"model": state | head(1000, 16)},
    "deit-distilled": lambda state: {"model": with_token(state)},
    "mae": as_mae,
    "dino": as_dino,
    "ibot": lambda state: {"teacher": {f"module.backbone.{key}": value for key, value in state.items()}
                           | {"module.backbone.masked_embed": torch.zeros(1, 16)}},
    "dinov2": as_dinov2,
    "transreid": as_transreid,
}  # fmt: skip


@pytest.mark.parametrize("source", FILES)
def test_file_of_each_tool_fills_every_tensor(source, tmp_path):
    state = state_of()
    torch.save(FILES[source](state), tmp_path / "vit.pth")
    backbone = transformer()
    report = load_pretrained(backbone, tmp_path / "vit.pth")
    assert (report.missing, report.notes) == ((), ())
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())


def test_positions_of_square_images_are_resized_and_it_is_said():
    state = state_of((56, 56))
    backbone = transformer()
    report = load_state(backbone, state, source="file")
    assert report.notes == ("position embeddings of 7 x 7 patches resized to 8 x 4",)
    torch.testing.assert_close(backbone.pos_embed, resize_positions(state["pos_embed"], (7, 7), (8, 4)))
    assert torch.equal(backbone.cls_token, state["cls_token"])


def test_positions_are_resized_for_overlapping_patches():
    backbone = transformer(stride=(6, 6))
    report = load_state(backbone, state_of(), source="file")
    assert report.notes == ("position embeddings of 8 x 4 patches resized to 10 x 5",)


def test_positions_of_a_whole_model_are_resized_too():
    from reid_core.modeling.architectures import Baseline, PixelStatistics
    from reid_core.modeling.heads import EmbeddingHead
    from reid_core.modeling.layers import Pool
    from reid_core.modeling.weights import load_model_state

    def model(image_size):
        vit = transformer(image_size, cameras=2)
        head = EmbeddingHead(16, 5, pool=Pool.IDENTITY)
        return Baseline(vit, head, PixelStatistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))

    report = load_model_state(model((64, 32)), model((96, 48)).state_dict(), source="file")
    assert report.notes == ("position embeddings of 12 x 6 patches resized to 8 x 4",)
    assert (report.missing, report.unexpected) == ((), ())


@pytest.mark.parametrize(
    ("count", "grid", "expected"),
    [
        (196, (16, 8), (14, 14)),  # ImageNet at 224 x 224
        (576, (16, 8), (24, 24)),  # 384 x 384
        (128, (21, 10), (16, 8)),  # PersonViT at 256 x 128
        (210, (16, 8), (21, 10)),  # 256 x 128 with stride 12
        (128, (12, 12), (16, 8)),
        (1, (2, 2), (1, 1)),
    ],
)
def test_grid_of_a_file_is_square_or_of_the_models_shape(count, grid, expected):
    found = file_grid(count, grid)
    assert found == expected or (grid == (12, 12) and set(found) == set(expected))


def test_camera_tables_are_taken_where_they_fit_and_left_out_where_not():
    state = state_of(cameras=6)
    backbone = transformer(cameras=6)
    assert load_state(backbone, state, source="file").notes == ()
    assert torch.equal(backbone.sie_embed, state["sie_embed"])
    for cameras in (0, 3):
        report = load_state(transformer(cameras=cameras), state, source="file")
        assert report.notes == ("the camera embedding of 6 cameras in the file is left out",)
    assert load_state(transformer(cameras=3), state_of(), source="file").missing == ("sie_embed",)


def test_patches_saved_as_a_matrix_become_a_convolution():
    state = state_of()
    state["patch_embed.proj.weight"] = state["patch_embed.proj.weight"].reshape(16, -1)
    backbone = transformer()
    load_state(backbone, state, source="file")
    assert torch.equal(backbone.patch_embed.proj.weight.reshape(16, -1), state["patch_embed.proj.weight"])


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (VitSize(16, 3, 4), r"ViT, width 16, 2 blocks, 32 patches \(timm or DeiT\).*missing, as blocks.2"),
        (VitSize(16, 1, 4), "no place in the model, as blocks.1"),
        (VitSize(8, 2, 4), "another shape"),
        (VitSize(16, 2, 4, mlp_ratio=3.0), "another shape, as blocks.0.mlp.fc1"),
    ],
    ids=["deeper", "shallower", "narrower", "other-perceptron"],
)
def test_transformer_of_another_size_is_refused(size, says):
    backbone = transformer(size=size)
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    with pytest.raises(CheckpointError, match=says):
        load_state(backbone, state_of(), source="vit.pth")
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())


def test_positions_without_patches_are_refused_as_another_shape():
    state = state_of()
    with pytest.raises(CheckpointError, match="another shape, as pos_embed"):
        load_state(transformer(), state | {"pos_embed": state["pos_embed"][:, :1]}, source="file")


def test_swin_of_solider_is_named_and_refused(tmp_path):
    # names of solider swin_tiny.pth
    swin = {
        "patch_embed.proj.weight": torch.zeros(96, 3, 4, 4),
        "layers.0.blocks.0.attn.relative_position_bias_table": torch.zeros(169, 3),
        "layers.0.blocks.0.attn.qkv.weight": torch.zeros(288, 96),
        "layers.0.downsample.reduction.weight": torch.zeros(192, 384),
    }
    torch.save({"teacher": {f"backbone.{key}": value for key, value in swin.items()}}, tmp_path / "swin.pth")
    with pytest.raises(CheckpointError, match="it seems to be Swin transformer \\(Swin or SOLIDER\\)") as caught:
        load_pretrained(transformer(), tmp_path / "swin.pth")
    assert "no Swin transformer here" in caught.value.hint


def test_convolutional_stem_of_transreid_ssl_is_named_and_refused():
    state = state_of()
    del state["patch_embed.proj.weight"]
    state |= {"patch_embed.conv.0.weight": torch.zeros(8, 3, 7, 7), "patch_embed.conv.1.IN.weight": torch.zeros(4)}
    with pytest.raises(CheckpointError, match="ViT with a convolutional stem, width 16, 2 blocks") as caught:
        load_state(transformer(), state, source="vit_small_ics_cfs_lup.pth")
    assert "(ICS)" in caught.value.hint


def test_command_line_beside_the_weights_is_read_without_running_code(tmp_path):
    torch.save(as_dino(state_of()), tmp_path / "dino.pth")
    file = read_weights(tmp_path / "dino.pth")
    assert file.wrappers == ("teacher",)
    assert "cls_token" in backbone_part(file.tensors)
