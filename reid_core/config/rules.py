"""What no single field can say: choices that are not there yet, and values that cannot go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reid_core.config.adaptation_rules import adaptation_faults
from reid_core.config.availability import CHOICES, COMPARING_LOSSES, GROUPING_SAMPLERS, NOT_YET, Choices
from reid_core.config.backbones import FAMILIES, Switch, size_of
from reid_core.config.class_sampling_rules import sampling_faults
from reid_core.config.classification_rules import classification_faults
from reid_core.config.distillation_rules import distillation_faults
from reid_core.config.face_rules import face_faults
from reid_core.config.fault import Fault
from reid_core.config.measuring_rules import measuring_faults
from reid_core.config.pretraining_rules import pretraining_faults
from reid_core.config.retrieval_rules import retrieval_faults
from reid_core.config.scale_rules import scale_faults
from reid_core.config.schema import Config
from reid_core.config.schema.model import Backbone
from reid_core.config.source import suggest
from reid_core.config.values import Values

__all__ = ["Fault", "check"]


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
            yield from _choice(key, str(name), choices)


def _choice(key: str, name: str, choices: Choices, of: str = "") -> Iterator[Fault]:
    if choices.allow(name):
        return
    listed = f"available{of}: {choices.listed}"
    if name in choices.planned:
        yield Fault((key,), "unsupported", f"{key}: this release does not have {name}", listed)
    else:
        near = suggest(name, (*choices.available, *choices.planned))
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
        yield from _choice("MODEL.BACKBONE.DEPTH", depth, Choices(family.sizes), of=f" for {backbone.name}")
    for switch in Switch:
        if getattr(backbone, switch.lower()) and switch not in family.switches | family.idle:
            key = f"MODEL.BACKBONE.{switch}"
            having = [name for name, other in FAMILIES.items() if switch in other.switches]
            message = f"{key}: {backbone.name} has none; these do: {', '.join(having)}"
            yield Fault((key, "MODEL.BACKBONE.NAME"), "impossible", message, "set it to false")
    if backbone.with_ibn and family.switches and backbone.ibn_kind not in family.ibn_kinds:
        key = "MODEL.BACKBONE.IBN_KIND"
        message = f"{key}: {backbone.name} has no IBN-{backbone.ibn_kind}"
        hint = f"available for it: {', '.join(family.ibn_kinds)}"
        yield Fault((key, "MODEL.BACKBONE.NAME"), "impossible", message, hint)
    if backbone.sie_cameras and not family.token:
        key = "MODEL.BACKBONE.SIE_CAMERAS"
        message = f"{key}: {backbone.name} has no camera embedding; vision transformers do"
        yield Fault((key, "MODEL.BACKBONE.NAME"), "impossible", message, "set it to 0")
    if backbone.sie_cameras and config.datasets.no_cameras:
        keys = ("MODEL.BACKBONE.SIE_CAMERAS", "DATASETS.NO_CAMERAS")
        message = f"{keys[0]} is {backbone.sie_cameras}, but {keys[1]} says that there are no camera ids"
        yield Fault(keys, "impossible", message, "set one of them to 0 or false")


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
    comparing = [name for name in config.model.losses.name if name in COMPARING_LOSSES]
    if not comparing:
        return
    if each == 1:
        message = f"{comparing[0]} needs two images of an identity in a batch, and DATALOADER.NUM_INSTANCE is 1"
        yield Fault(("DATALOADER.NUM_INSTANCE", "MODEL.LOSSES.NAME"), "impossible", message, "use 2 or more")
    if batch == each:
        message = f"{comparing[0]} needs two identities in a batch, and {batch} images of one fill it"
        yield Fault(pair, "impossible", message, "raise SOLVER.IMS_PER_BATCH or lower DATALOADER.NUM_INSTANCE")


def _set_weight(config: Config) -> Iterator[Fault]:
    weights, names = config.dataloader.set_weight, config.datasets.names
    if config.dataloader.sampler_train != "SetReWeightSampler":
        return
    if len(weights) != len(names) or min(weights) <= 0:
        message = f"DATALOADER.SET_WEIGHT is {list(weights)}; SetReWeightSampler needs a weight above 0 for each of "
        keys = ("DATALOADER.SET_WEIGHT", "DATALOADER.SAMPLER_TRAIN", "DATASETS.NAMES")
        yield Fault(keys, "impossible", message + ", ".join(names), f"write {len(names)} numbers")


def _accumulate(config: Config) -> Iterator[Fault]:
    batch, parts = config.solver.ims_per_batch, config.solver.accumulate
    if parts == 1:
        return
    grouping = config.dataloader.sampler_train in GROUPING_SAMPLERS
    each = config.dataloader.num_instance if grouping else 1
    # a triplet needs two identities, batch norm two images
    least = each * (2 if not grouping or COMPARING_LOSSES.intersection(config.model.losses.name) else 1)
    if batch % (parts * each) or batch // parts < least:
        message = f"a batch of {batch} images does not make {parts} micro-batches (SOLVER.ACCUMULATE) of whole groups"
        hint = f"each needs a multiple of {each} images, at least {least}"
        keys = ("SOLVER.ACCUMULATE", "SOLVER.IMS_PER_BATCH", "DATALOADER.NUM_INSTANCE")
        yield Fault(keys, "impossible", message, hint)


def _losses(config: Config) -> Iterator[Fault]:
    names, losses = config.model.losses.name, config.model.losses
    if len(set(names)) < len(names):
        yield Fault(("MODEL.LOSSES.NAME",), "impossible", "MODEL.LOSSES.NAME names a loss twice")
    epsilon = losses.ce.epsilon
    if -1.0 < epsilon < 0.0:
        message = f"MODEL.LOSSES.CE.EPSILON is {epsilon:g}; it must be at least 0, or -1 for adaptive smoothing"
        yield Fault(("MODEL.LOSSES.CE.EPSILON",), "out-of-range", message)
    if epsilon == -1.0 and losses.ce.spread != "other_classes":
        message = "adaptive smoothing (MODEL.LOSSES.CE.EPSILON -1) goes to the other classes"
        keys = ("MODEL.LOSSES.CE.SPREAD", "MODEL.LOSSES.CE.EPSILON")
        yield Fault(keys, "impossible", message, "set MODEL.LOSSES.CE.SPREAD to other_classes")


def _architecture(config: Config) -> Iterator[Fault]:
    model, key = config.model, "MODEL.META_ARCHITECTURE"
    if model.meta_architecture == "MoCo" and model.queue_size < config.solver.ims_per_batch:
        message = f"a memory of {model.queue_size} images (MODEL.QUEUE_SIZE) does not hold one batch"
        yield Fault(("MODEL.QUEUE_SIZE", "SOLVER.IMS_PER_BATCH"), "impossible", message, "make it several batches long")
    if model.meta_architecture not in {"MGN", "PCB"}:
        return
    if model.heads.pool_layer in {"Flatten", "Identity"}:
        message = f"{model.meta_architecture} pools each stripe, which {model.heads.pool_layer} does not"
        yield Fault(("MODEL.HEADS.POOL_LAYER", key), "impossible", message, "GlobalAvgPool would do")
    backbone = model.backbone
    if model.meta_architecture == "PCB" and backbone.name in FAMILIES and FAMILIES[backbone.name].token:
        message = f"PCB cuts a feature map into stripes, and {backbone.name} gives one cell"
        yield Fault(("MODEL.BACKBONE.NAME", key), "impossible", message, "a ResNet would do")
        return
    if model.meta_architecture == "PCB":
        yield from _stripes(config, model.heads.parts, _cell(backbone), ("MODEL.HEADS.PARTS",))
        return
    if backbone.name not in {"build_resnet_backbone", "build_resnext_backbone"}:
        message = f"MGN is made of a ResNet or ResNeXt, not of {backbone.name}"
        yield Fault(("MODEL.BACKBONE.NAME", key), "impossible", message, "PCB takes other backbones")
    if backbone.with_nl:
        message = "MGN has no place for non-local blocks"
        yield Fault(("MODEL.BACKBONE.WITH_NL", key), "impossible", message, "set MODEL.BACKBONE.WITH_NL to false")
    yield from _stripes(config, 3, 16, (key,))


def _stripes(config: Config, count: int, cell: int, keys: tuple[str, ...]) -> Iterator[Fault]:
    for key, size in (("INPUT.SIZE_TRAIN", config.input.size_train), ("INPUT.SIZE_TEST", config.input.size_test)):
        if size[0] < count * cell:
            message = f"{key} is {list(size)}: too low for {count} stripes of {cell} pixels each"
            yield Fault((key, *keys), "impossible", message, f"a height of {count * cell} would do")


def _cell(backbone: Backbone) -> int:
    """Pixels per row of the feature map."""
    family = FAMILIES.get(backbone.name)
    if family is None:
        return 1
    return family.stride // 2 if family.last_stride and backbone.last_stride == 1 else family.stride


def _schedule(config: Config) -> Iterator[Fault]:
    solver = config.solver
    if any(later <= earlier for earlier, later in zip(solver.steps, solver.steps[1:], strict=False)):
        yield Fault(("SOLVER.STEPS",), "impossible", f"SOLVER.STEPS must increase, and is {list(solver.steps)}")
    if solver.warmup_epochs > solver.max_epoch:
        message = (
            f"SOLVER.WARMUP_EPOCHS ({solver.warmup_epochs:g}) does not fit in SOLVER.MAX_EPOCH ({solver.max_epoch})"
        )
        yield Fault(("SOLVER.WARMUP_EPOCHS", "SOLVER.MAX_EPOCH"), "impossible", message, "shorten SOLVER.WARMUP_EPOCHS")
    if solver.sched == "CosineAnnealingLR":
        if solver.delay_epochs >= solver.max_epoch:
            message = (
                f"SOLVER.DELAY_EPOCHS ({solver.delay_epochs}) leaves none of SOLVER.MAX_EPOCH ({solver.max_epoch}) "
                "to anneal in"
            )
            hint = "make SOLVER.MAX_EPOCH the larger"
            yield Fault(("SOLVER.DELAY_EPOCHS", "SOLVER.MAX_EPOCH"), "impossible", message, hint)
        known = CHOICES["SOLVER.LR_SCALE_RULE"].allow(solver.lr_scale_rule)  # else the fault is told already
        if known and solver.eta_min_lr > solver.scaled_lr:
            message = f"SOLVER.ETA_MIN_LR ({solver.eta_min_lr:g}) is above SOLVER.BASE_LR ({solver.scaled_lr:g})"
            yield Fault(("SOLVER.ETA_MIN_LR", "SOLVER.BASE_LR"), "impossible", message)
    if solver.opt == "SGD" and solver.nesterov and solver.momentum == 0.0:
        message = "Nesterov momentum needs SOLVER.MOMENTUM above 0"
        yield Fault(("SOLVER.NESTEROV", "SOLVER.MOMENTUM"), "impossible", message)


def _image_size(config: Config) -> Iterator[Fault]:
    backbone = config.model.backbone
    family = FAMILIES.get(backbone.name)
    if family is None:
        return
    stride = _cell(backbone)
    for key, size in (("INPUT.SIZE_TRAIN", config.input.size_train), ("INPUT.SIZE_TEST", config.input.size_test)):
        if min(size) < stride:
            message = f"{key} is {list(size)}; {backbone.name} shrinks images {stride} times: no side may be smaller"
            yield Fault((key, "MODEL.BACKBONE.NAME", "MODEL.BACKBONE.LAST_STRIDE"), "impossible", message)


def _measuring(config: Config) -> Iterator[Fault]:
    test, backbone = config.test, config.model.backbone
    if test.metric != "dsr":
        return
    if test.repeats:
        message = "TEST.REPEATS compares whole embeddings, and TEST.METRIC dsr parts of images"
        yield Fault(("TEST.REPEATS", "TEST.METRIC"), "impossible", message, "set it to 0, or choose another metric")
    family, size = FAMILIES.get(backbone.name), config.input.size_test
    if family is not None and family.token:
        message = f"TEST.METRIC dsr compares parts of a feature map, and {backbone.name} gives one cell"
        yield Fault(("TEST.METRIC", "MODEL.BACKBONE.NAME"), "impossible", message, "choose another metric or backbone")
    elif family is not None and max(size) <= _cell(backbone):
        message = f"TEST.METRIC dsr compares parts of a feature map, which is one cell of images of {list(size)}"
        yield Fault(("TEST.METRIC", "INPUT.SIZE_TEST"), "impossible", message, "raise INPUT.SIZE_TEST")
    for name, section in (("AQE", test.aqe), ("RERANK", test.rerank)):
        if section.enabled:
            key = f"TEST.{name}.ENABLED"
            message = f"{key} works on whole embeddings, and TEST.METRIC dsr compares parts of images"
            yield Fault((key, "TEST.METRIC"), "impossible", message, "set it to false, or choose another metric")


_RULES: tuple[Callable[[Config], Iterator[Fault]], ...] = (
    _data,
    _backbone,
    _batch,
    _set_weight,
    _accumulate,
    _losses,
    _architecture,
    _schedule,
    _image_size,
    _measuring,
    measuring_faults,
    distillation_faults,
    classification_faults,
    retrieval_faults,
    face_faults,
    sampling_faults,
    adaptation_faults,
    pretraining_faults,
    scale_faults,
)
