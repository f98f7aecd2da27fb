"""What a file of weights seems to be: the tool that wrote it and the network, told by names and shapes alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from reid_core.modeling.weights.inverted_residuals import dialect_of
from reid_core.modeling.weights.reading import Tensors, WeightFile, backbone_part

__all__ = ["Description", "describe_file", "describe_tensors"]

_UNKNOWN = "unknown"
_RESNETS: dict[tuple[str, tuple[int, ...]], str] = {
    ("basic", (2, 2, 2, 2)): "18",
    ("basic", (3, 4, 6, 3)): "34",
    ("bottleneck", (3, 4, 6, 3)): "50",
    ("bottleneck", (3, 4, 23, 3)): "101",
    ("bottleneck", (3, 8, 36, 3)): "152",
}


@dataclass(frozen=True, slots=True)
class Description:
    """`source`: the tool, or several that name alike; `architecture`: family and size; both may be 'unknown'.

    `whole`: there is more than a backbone, a neck or classifier of `identities` (0 where there is none).
    """

    source: str
    architecture: str
    whole: bool = False
    identities: int = 0

    def __str__(self) -> str:
        if self.architecture == _UNKNOWN:
            return "a network that is not known here"
        what = f"{self.architecture} ({self.source})"
        return f"{what} with a classifier of {self.identities} identities" if self.identities else what


def describe_file(file: WeightFile) -> Description:
    """Guess what `file` is; nothing depends on it but what people read."""
    return describe_tensors(file.tensors, file.wrappers)


def describe_tensors(tensors: Tensors, wrappers: tuple[str, ...] = ()) -> Description:
    """Guess from names, shapes and the keys that they lay under."""
    backbone = backbone_part(tensors)
    architecture = next((found for guess in _ARCHITECTURES if (found := guess(backbone))), _UNKNOWN)
    head = next((name for name in _CLASS_WEIGHTS if name in tensors), "")
    whole = bool(head) and len(backbone) == len(tensors) and any(key not in tensors for key in backbone)
    return Description(
        _source(tensors, backbone, wrappers), architecture, whole, tensors[head].shape[0] if whole and head else 0
    )


_CLASS_WEIGHTS = (
    "heads.weight",
    "heads.classifier.weight",
    "b1_head.weight",
    "b1_head.classifier.weight",
    "classifier.weight",
)


def _source(tensors: Tensors, backbone: Tensors, wrappers: tuple[str, ...]) -> str:
    for mark, source in (
        (r"base\.cls_token", "TransReID"),
        (r"base\.", "Bag of Tricks"),
        (r"(\w+_)?heads?\.(bnneck|classifier)\.", "FastReID before 1.0"),
        (r"(heads|b1_head)\.(weight|bottleneck\.)", "FastReID or reid-tune"),
        (r"encoder_q\.", "MoCo or LUPerson"),
    ):
        if any(re.match(mark, name) for name in tensors):
            return source
    if {"teacher", "student"} & set(wrappers) and "patch_embed.proj.weight" in backbone and "cls_token" in backbone:
        return "DINO or PersonViT"
    if "mask_token" in tensors:
        return "MAE"
    dialect = dialect_of(backbone)
    if dialect is not None:
        return dialect.source
    for mark, source in _BACKBONE_SOURCES:
        if mark in backbone:
            return source
    return _UNKNOWN


_BACKBONE_SOURCES = (
    ("dist_token", "DeiT"),
    ("cls_token", "timm or DeiT"),
    ("patch_embed.conv.0.weight", "TransReID-SSL"),
    ("layers.0.blocks.0.attn.relative_position_bias_table", "Swin or SOLIDER"),
    ("stage2.0.branch1.0.weight", "torchvision"),
    ("first_conv.0.weight", "Megvii or FastReID"),
    ("layer1.0.conv1.weight", "torchvision, timm or FastReID"),
    ("conv2.0.conv1.conv.weight", "torchreid or FastReID"),
    ("stage1.0.rbr_dense.conv.weight", "RepVGG or FastReID"),
    ("s1.b1.f.a.weight", "pycls or FastReID"),
)


def _transformer(tensors: Tensors) -> str:
    if "cls_token" not in tensors or "pos_embed" not in tensors:
        return ""
    depth = _count(tensors, r"blocks\.(\d+)\.")
    width, tokens = tensors["cls_token"].shape[-1], tensors["pos_embed"].shape[1]
    if "patch_embed.conv.0.weight" in tensors:
        return f"ViT with a convolutional stem, width {width}, {depth} blocks"
    extra = 2 if "dist_token" in tensors else 1
    return f"ViT, width {width}, {depth} blocks, {tokens - extra} patches"


def _swin(tensors: Tensors) -> str:
    table = tensors.get("layers.0.blocks.0.attn.relative_position_bias_table")
    return "" if table is None else "Swin transformer"


def _inverted_residual(tensors: Tensors) -> str:
    dialect = dialect_of(tensors)
    if dialect is None:
        return ""
    layers = list(dict.fromkeys(name.rpartition(".")[0] for name in tensors))
    blocks = {number for number, _ in dialect.roles(layers).values() if number >= 0}
    return f"{dialect.family}, {len(blocks)} blocks"


def _resnet(tensors: Tensors) -> str:
    first = tensors.get("layer1.0.conv1.weight")
    if first is None:
        return ""
    blocks = tuple(_count(tensors, rf"layer{stage}\.(\d+)\.") for stage in range(1, 5))
    kind = "bottleneck" if "layer1.0.conv3.weight" in tensors else "basic"
    size = _RESNETS.get((kind, blocks), "-".join(map(str, blocks)))
    split = "layer1.0.conv2.conv.weight" in tensors
    middle = tensors.get("layer1.0.conv2.weight")
    grouped = not split and middle is not None and middle.shape[0] != middle.shape[1]
    name = "ResNeSt" if split else "ResNeXt" if grouped else "ResNet"
    parts = ((r"\.bn1\.IN\.", " with IBN-a"), (r"layer\d\.\d+\.IN\.", " with IBN-b"), (r"\.se\.", " with SE"))
    added = "".join(words for mark, words in parts if any(re.search(mark, key) for key in tensors))
    non_local = " with non-local blocks" if any(key.startswith("NL_") for key in tensors) else ""
    return f"{name}-{size}{added}{non_local}"


def _by_mark(mark: str, words: str) -> Callable[[Tensors], str]:
    return lambda tensors: words if mark in tensors else ""


def _count(tensors: Tensors, pattern: str) -> int:
    """How many different numbers the group of `pattern` takes."""
    return len(Counter(match[1] for key in tensors if (match := re.match(pattern, key))))


_ARCHITECTURES: tuple[Callable[[Tensors], str], ...] = (
    _transformer,
    _swin,
    _inverted_residual,
    _resnet,
    _by_mark("stage2.0.branch1.0.weight", "ShuffleNetV2 as torchvision builds it"),
    _by_mark("first_conv.0.weight", "ShuffleNetV2"),
    _by_mark("conv2.0.conv1.conv.weight", "OSNet"),
    _by_mark("stage1.0.rbr_dense.conv.weight", "RepVGG"),
    _by_mark("s1.b1.f.a.weight", "RegNet"),
)
