"""The card of a checkpoint: what it holds, what it was made from, and what that allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from reid_core.config import Config, Values, to_values
from reid_core.data.places import KNOWN
from reid_core.engine.contents import checkpoint_summary
from reid_core.errors import ReidTuneError
from reid_core.export.card import ModelCard, versions
from reid_core.export.licences import DATA_SETS, WEIGHTS, LicenceClass, Origin, licence_of
from reid_core.modeling.weights import describe_file, read_weights
from reid_core.tasks.cards import card_of

__all__ = ["card_of_checkpoint", "origins"]

_LOCAL = ("OUTPUT_DIR", "DATALOADER.CACHE_DIR")
_NAMED = ("DATASETS.ROOT", "MODEL.WEIGHTS", "MODEL.BACKBONE.PRETRAIN_PATH")


def card_of_checkpoint(path: Path, dim: int, *, trained_with: Mapping[str, str]) -> ModelCard:
    """The card of a checkpoint whose model gives embeddings of width `dim`. Raises CheckpointError."""
    about = checkpoint_summary(path)
    config, seen = about.config, about.trained_on
    licence = licence_of(origins(config))
    return ModelCard(
        kind="checkpoint",
        network=about.network,
        size=config.input.size_test,
        dim=dim,
        interpolation=config.input.interpolation,
        pixel_mean=config.model.pixel_mean,
        pixel_std=config.model.pixel_std,
        flip=config.test.flip.enabled,
        scales=config.test.scales,
        epoch=about.epoch,
        seed=about.seed,
        identities=about.identities,
        metrics=_measured(config.task.name, about.metrics),
        protocol="" if seen is None else seen.protocol.value,
        data="" if seen is None else seen.data,
        split="" if seen is None else seen.split,
        recipe=_recipe(config),
        licence=licence.licence,
        origins=licence.origins,
        trained_with=dict(trained_with),
        versions=dict(versions()),
        weights=about.sha256,
        sha256=about.sha256,
    )


def _measured(task: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """What the task measures of the model; losses and times stay with the training."""
    known = card_of(task).measures
    return {name: float(value) for name, value in metrics.items() if name in known}


def _recipe(config: Config) -> Values:
    """The whole configuration; of files and folders of the machine that trained it, only the last name."""
    values = {key: value for key, value in to_values(config).items() if key not in _LOCAL}
    return values | {key: Path(str(values[key])).name for key in _NAMED if values.get(key)}


def origins(config: Config) -> Iterator[Origin]:
    """What a model of `config` is made from: data, starting weights and teachers."""
    yield from _data(config)
    weights = config.model.weights or config.model.backbone.pretrain_path
    if weights:
        yield _of_weights("starting weights", weights)
    for teacher in config.kd.model_weights_:
        yield _of_weights("teacher", teacher)


def _data(config: Config) -> Iterator[Origin]:
    datasets = config.datasets
    if datasets.root == "synthetic":
        yield _data_set("synthetic")
        return
    for text in datasets.names:
        name = text.partition("=")[0]
        # The default name says nothing: any folder of images may stand behind it.
        recognised = (name if name != "Market1501" else "") or _named(datasets.root)
        yield _data_set(recognised) if recognised in DATA_SETS else _unknown(f"data in {Path(datasets.root).name}")


def _named(root: str) -> str:
    """The data set whose usual folder `root` is called, empty where none is."""
    folder = Path(root).name
    return next((name for name, known in KNOWN.items() if folder in known.folders), "")


def _data_set(name: str) -> Origin:
    licence, why = DATA_SETS[name]
    return Origin(f"data set {name}", licence, why)


def _of_weights(role: str, file: str) -> Origin:
    what = f"{role} {Path(file).name}"
    try:
        source = describe_file(read_weights(Path(file).expanduser())).source
    except (ReidTuneError, OSError):
        return Origin(what, LicenceClass.UNKNOWN, "the file cannot be read here any more")
    for tool, (licence, why) in WEIGHTS.items():
        if source.startswith(tool):
            return Origin(f"{what} ({source})", licence, why)
    return Origin(f"{what} ({source})", LicenceClass.UNKNOWN, "look up where the file comes from")


def _unknown(what: str) -> Origin:
    return Origin(what, LicenceClass.UNKNOWN, "only who took the images knows what they may be used for")
