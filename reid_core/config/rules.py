"""What no single field can say: choices that are not there yet, and values that cannot go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reid_core.config.availability import CHOICES, GROUPING_SAMPLERS, NOT_YET
from reid_core.config.backbones import FAMILIES, Switch, size_of
from reid_core.config.schema import Config
from reid_core.config.source import suggest
from reid_core.config.values import Values

__all__ = ["Fault", "check"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is not yet tied to a place in a file.

    `keys` are the keys involved, the blamed one first; `item` counts the items of its list from 0.
    """

    keys: tuple[str, ...]
    code: str
    message: str
    hint: str = ""
    item: int | None = None


def check(config: Config, values: Values) -> Iterator[Fault]:
    """Every fault of a well-typed configuration. `values` is the same configuration, flat."""
    yield from _choices(values)
    yield from _switches(values)
    for rule in _RULES:
        yield from rule(config)


def _choices(values: Values) -> Iterator[Fault]:
    for key, choices in CHOICES.items():
        value = values[key]
        for name in value if isinstance(value, list) else [value]:
            yield from _choice(key, str(name), choices.available, choices.planned)


def _choice(key: str, name: str, available: tuple[str, ...], planned: tuple[str, ...], of: str = "") -> Iterator[Fault]:
    if name in available:
        return
    listed = f"available{of}: {', '.join(available)}"
    if name in planned:
        yield Fault((key,), "unsupported", f"{key}: this release does not have {name}", listed)
    else:
        near = suggest(name, (*available, *planned))
        yield Fault(
            (key,), "unknown-value", f"{key}: there is no {name!r}{of}", f"{near} ({listed})" if near else listed
        )


def _switches(values: Values) -> Iterator[Fault]:
    for key, what in NOT_YET.items():
        if values[key] not in (False, [], ""):
            off = "false" if values[key] is True else "empty"
            yield Fault((key,), "unsupported", f"{key}: this release does not have {what}", f"leave it {off}")


def _data(config: Config) -> Iterator[Fault]:
    root, layout = config.datasets.root, config.datasets.layout
    if layout != "auto" and (root == "synthetic") is not (layout == "synthetic"):
        message = f"DATASETS.LAYOUT {layout} does not go with DATASETS.ROOT {root}"
        hint = "leave DATASETS.LAYOUT at auto; a folder called synthetic is ./synthetic"
        yield Fault(("DATASETS.LAYOUT", "DATASETS.ROOT"), "impossible", message, hint)


def _backbone(config: Config) -> Iterator[Fault]:
    backbone = config.model.backbone
    family = FAMILIES.get(backbone.name)
    if family is None:
        return
    if family.sizes:
        depth = size_of(backbone.name, backbone.depth)
        yield from _choice("MODEL.BACKBONE.DEPTH", depth, family.sizes, (), of=f" for {backbone.name}")
    for switch in Switch:
        if getattr(backbone, switch.lower()) and switch not in family.switches:
            key = f"MODEL.BACKBONE.{switch}"
            having = [name for name, other in FAMILIES.items() if switch in other.switches]
            message = f"{key}: {backbone.name} has none; these do: {', '.join(having)}"
            yield Fault((key, "MODEL.BACKBONE.NAME"), "impossible", message, "set it to false")
    if backbone.pretrain and not backbone.pretrain_path:
        yield Fault(
            ("MODEL.BACKBONE.PRETRAIN", "MODEL.BACKBONE.PRETRAIN_PATH"),
            "unsupported",
            "MODEL.BACKBONE.PRETRAIN: weights are not downloaded",
            "name the file in MODEL.BACKBONE.PRETRAIN_PATH, or set PRETRAIN to false",
        )


def _batch(config: Config) -> Iterator[Fault]:
    batch, each = config.solver.ims_per_batch, config.dataloader.num_instance
    pair = ("SOLVER.IMS_PER_BATCH", "DATALOADER.NUM_INSTANCE")
    if config.dataloader.sampler_train not in GROUPING_SAMPLERS:
        return
    if batch % each:
        message = (
            f"a batch of {batch} images (SOLVER.IMS_PER_BATCH) does not hold whole groups of {each} "
            "(DATALOADER.NUM_INSTANCE)"
        )
        yield Fault(pair, "impossible", message, f"{batch - batch % each or each} would do")
        return
    if "TripletLoss" not in config.model.losses.name:
        return
    if each == 1:
        message = "TripletLoss needs two images of an identity in a batch, and DATALOADER.NUM_INSTANCE is 1"
        yield Fault(("DATALOADER.NUM_INSTANCE", "MODEL.LOSSES.NAME"), "impossible", message, "use 2 or more")
    if batch == each:
        message = f"TripletLoss needs two identities in a batch, and {batch} images of one fill it"
        yield Fault(pair, "impossible", message, "raise SOLVER.IMS_PER_BATCH or lower DATALOADER.NUM_INSTANCE")


def _losses(config: Config) -> Iterator[Fault]:
    names, losses = config.model.losses.name, config.model.losses
    if len(set(names)) < len(names):
        yield Fault(("MODEL.LOSSES.NAME",), "impossible", "MODEL.LOSSES.NAME names a loss twice")
    epsilon = losses.ce.epsilon
    if -1.0 < epsilon < 0.0:
        message = f"MODEL.LOSSES.CE.EPSILON is {epsilon:g}; it must be at least 0, or -1 for adaptive smoothing"
        yield Fault(("MODEL.LOSSES.CE.EPSILON",), "out-of-range", message)


def _schedule(config: Config) -> Iterator[Fault]:
    solver = config.solver
    if any(later <= earlier for earlier, later in zip(solver.steps, solver.steps[1:], strict=False)):
        yield Fault(("SOLVER.STEPS",), "impossible", f"SOLVER.STEPS must increase, and is {list(solver.steps)}")
    if solver.warmup_epochs > solver.max_epoch:
        message = f"a warm-up of {solver.warmup_epochs:g} epochs does not fit in {solver.max_epoch}"
        yield Fault(("SOLVER.WARMUP_EPOCHS", "SOLVER.MAX_EPOCH"), "impossible", message, "shorten SOLVER.WARMUP_EPOCHS")
    if solver.sched == "CosineAnnealingLR":
        if solver.delay_epochs >= solver.max_epoch:
            message = f"after a delay of {solver.delay_epochs} epochs, none of {solver.max_epoch} is left to anneal in"
            yield Fault(("SOLVER.DELAY_EPOCHS", "SOLVER.MAX_EPOCH"), "impossible", message)
        if solver.eta_min_lr > solver.base_lr:
            message = f"SOLVER.ETA_MIN_LR ({solver.eta_min_lr:g}) is above SOLVER.BASE_LR ({solver.base_lr:g})"
            yield Fault(("SOLVER.ETA_MIN_LR", "SOLVER.BASE_LR"), "impossible", message)
    if solver.opt == "SGD" and solver.nesterov and solver.momentum == 0.0:
        message = "Nesterov momentum needs SOLVER.MOMENTUM above 0"
        yield Fault(("SOLVER.NESTEROV", "SOLVER.MOMENTUM"), "impossible", message)


def _image_size(config: Config) -> Iterator[Fault]:
    backbone = config.model.backbone
    family = FAMILIES.get(backbone.name)
    if family is None:
        return
    stride = family.stride // 2 if family.last_stride and backbone.last_stride == 1 else family.stride
    for key, size in (("INPUT.SIZE_TRAIN", config.input.size_train), ("INPUT.SIZE_TEST", config.input.size_test)):
        if min(size) < stride:
            message = f"{key} is {list(size)}; {backbone.name} shrinks images {stride} times: no side may be smaller"
            yield Fault((key, "MODEL.BACKBONE.NAME", "MODEL.BACKBONE.LAST_STRIDE"), "impossible", message)


_RULES: tuple[Callable[[Config], Iterator[Fault]], ...] = (_data, _backbone, _batch, _losses, _schedule, _image_size)
