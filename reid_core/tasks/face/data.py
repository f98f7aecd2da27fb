"""What the face task trains on and measures: a folder a person, and pairs of others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.checks import Use, check
from reid_core.data.files import Found, examples, scan
from reid_core.data.images import ImageArray
from reid_core.data.labelled import folder_of
from reid_core.data.layouts.folders import TEST_FRACTION
from reid_core.data.layouts.recognise import found_dataset
from reid_core.data.layouts.reid_sets import refuse_reid_set
from reid_core.data.parts import Part
from reid_core.data.pipeline import SplitData, open_training, part_opener, sampling_warnings
from reid_core.data.records import NO_CAMERA, Dataset, ImageRecord, Layout, identities_of, labels_of
from reid_core.data.sampling import train_sampler
from reid_core.data.split import cut
from reid_core.data.synthetic.faces import synthetic_faces
from reid_core.data.synthetic.images import SyntheticParameters
from reid_core.errors import DataError, Finding
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.face.lfw import first_name, read_lfw_pairs
from reid_core.tasks.face.pairs import Pairs, drawn_pairs

__all__ = ["FacePairs", "FaceSets", "open_pairs", "open_training_and_pairs", "summary"]

_TEST_SEED = 0  # not the search's: the test pairs must be the same whatever seed a search has


@dataclass(frozen=True, slots=True, eq=False)
class FacePairs:
    """What is measured: `pairs` are of positions in `images`, each decoded once."""

    images: Part
    pairs: Pairs
    sentence: str
    warnings: tuple[str, ...]
    name: str = ""

    @property
    def pixels(self) -> tuple[ImageArray, ...]:
        """The images to embed."""
        return (self.images.images,)


@dataclass(frozen=True, slots=True, eq=False)
class FaceSets:
    """Faces to train on (`train.train`), and test images (`test.gallery`) with the `pairs` of their positions."""

    train: Dataset
    test: Dataset
    pairs: Pairs
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, config: Config) -> FaceSets:
        """Read DATASETS and TASK.FACE without decoding an image. Raises DataError."""
        datasets, root = config.datasets, folder_of(config)
        if root is None:
            drawn = synthetic_faces(SyntheticParameters.of(datasets.synthetic))
            return cls(drawn, drawn, _drawn(drawn.gallery, _TEST_SEED, config), ())
        if not root.is_dir():
            raise _absent("missing-folder", "the data folder does not exist", root, "DATASETS.ROOT")
        if datasets.layout != Layout.FOLDERS:
            refuse_reid_set(root, "faces lie in a folder for each person; train this with a recipe of the task reid")
        file = _pairs_file(root, config.task.face.pairs)
        if file is None:
            return cls._without_list(config, root)
        images = _images_folder(root, file, config.task.face.images)
        records, pairs, lost = read_lfw_pairs(file, images, skip_bad=datasets.corrupt == "skip")
        test = _dataset(images, Found(gallery=list(records)))
        train = _dataset(root, _persons(root, images), use=Use.TRAIN)
        warnings = [*train.warnings, *_overlap(train, test)]
        warnings += [f"{lost} pairs whose images are missing are left out"] if lost else []
        return cls(train, test, pairs, tuple(warnings))

    @classmethod
    def _without_list(cls, config: Config, root: Path) -> FaceSets:
        """Persons set aside, always the same for the same images, and pairs drawn of them."""
        found = _persons(root, None)
        check(found, str(root), use=Use.TRAIN, no_cameras=True)
        parts = cut(found.train, TEST_FRACTION, seed=_TEST_SEED, no_cameras=True, purpose="test split")
        gallery = [found.train[index] for index in parts.gallery]
        train = _dataset(root, replace(found, train=[found.train[index] for index in parts.train]), use=Use.TRAIN)
        test = _dataset(root, Found(gallery=gallery))
        persons = len(identities_of(gallery))
        warning = f"there is no pairs.txt: {persons} persons were set aside as test, and pairs of them drawn"
        return cls(train, test, _drawn(tuple(gallery), _TEST_SEED, config), (*train.warnings, warning))

    @property
    def fingerprint(self) -> str:
        """Changes with an image or a test pair."""
        return f"{self.train.fingerprint}+{self.test.fingerprint}+{self.pairs.fingerprint}"

    def measured(self, config: Config, protocol: Protocol) -> tuple[Dataset, tuple[ImageRecord, ...], Pairs]:
        """The data set, the images of it, and the pairs of these that `protocol` measures."""
        if protocol is Protocol.TEST:
            return self.test, self.test.gallery, self.pairs
        held = self.held_out(config)
        return self.train, held, _drawn(held, config.datasets.val_seed, config)

    def held_out(self, config: Config) -> tuple[ImageRecord, ...]:
        """The training images of the persons held out for validation."""
        records = self.train.train
        parts = cut(
            records,
            config.datasets.val_fraction,
            seed=config.datasets.val_seed,
            no_cameras=True,
            purpose="validation split",
        )
        return tuple(records[index] for index in parts.gallery)

    def split_fingerprint(self, config: Config, protocol: Protocol) -> str:
        """Changes when another image is trained on, or another pair measured."""
        if protocol is Protocol.TEST:
            return self.fingerprint
        _, held, pairs = self.measured(config, protocol)
        return f"{self.train.fingerprint}-{','.join(identities_of(held))}+{pairs.fingerprint}"


def summary(config: Config) -> DataSummary:
    """Count persons, images and pairs without decoding an image. Raises DataError."""
    sets = FaceSets.of(config)
    train = sets.train.train
    _, val_images, val_pairs = sets.measured(config, Protocol.VALIDATION)
    persons, held = len(identities_of(train)), len(identities_of(val_images))
    counted = f"{len(train)} images of {persons} persons ({sets.train.layout})"
    return DataSummary(
        layout=sets.train.layout,
        fingerprint=sets.fingerprint,
        split_fingerprint=sets.split_fingerprint(config, Protocol.VALIDATION),
        train_images=len(train),
        train_identities=persons,
        cameras=0,
        val_identities=held,
        val_queries=len(val_pairs.left),
        val_gallery=len(val_images),
        query_images=len(sets.pairs.left),
        gallery_images=len(sets.test.gallery),
        ignored=dict(sets.train.ignored),
        warnings=(*sets.warnings, *sampling_warnings(config, persons - held)),
        sentences={
            Protocol.VALIDATION: f"{counted}; validation {_told(val_pairs, val_images)}",
            Protocol.TEST: f"{counted}; test {_told(sets.pairs, sets.test.gallery)}",
        },
    )


def open_training_and_pairs(
    config: Config, protocol: Protocol, *, threads: int | None, progress: Progress | None
) -> SplitData[FacePairs]:
    """Persons to train on, and pairs of others. Raises DataError."""
    sets = FaceSets.of(config)
    records = sets.train.train
    held = frozenset[str]()
    if protocol is Protocol.VALIDATION:
        held = frozenset(record.pid for record in sets.held_out(config))
    wanted = np.array([index for index, record in enumerate(records) if record.pid not in held], dtype=np.int64)
    train, persons, spoiled = open_training(config, sets.train, wanted, threads=threads, progress=progress)
    evaluation = _open(config, sets, protocol, threads, progress)
    return SplitData(
        train=train,
        num_classes=persons,
        sampler=train_sampler(config, train.labels, train.camids),
        evaluations=(evaluation,),
        dataset_fingerprint=sets.fingerprint,
        split_fingerprint=sets.split_fingerprint(config, protocol),
        warnings=(*sets.warnings, *spoiled, *evaluation.warnings, *sampling_warnings(config, persons)),
    )


def open_pairs(config: Config, protocol: Protocol, *, threads: int | None) -> tuple[FacePairs, ...]:
    """Only what is measured. Raises DataError."""
    return (_open(config, FaceSets.of(config), protocol, threads, None),)


def _open(
    config: Config, sets: FaceSets, protocol: Protocol, threads: int | None, progress: Progress | None
) -> FacePairs:
    dataset, records, pairs = sets.measured(config, protocol)
    opened = part_opener(config, dataset, threads, progress).open(records, config.input.size_test)
    if len(opened.good) < len(records):
        pairs = pairs.subset(np.isin(pairs.left, opened.good) & np.isin(pairs.right, opened.good))
    if len(np.unique(pairs.fold)) < 2 or pairs.same.all() or not pairs.same.any():
        raise _absent(
            "too-few-pairs", "too few pairs have images that decode", Path(dataset.layout), "DATASETS.CORRUPT"
        )
    everything = opened.part(np.arange(len(records)), identities_of(records))
    which = "held out of train" if protocol is Protocol.VALIDATION else "of the test split"
    return FacePairs(everything, pairs, f"{_told(pairs, records)} {which}", opened.warnings)


def _told(pairs: Pairs, records: tuple[ImageRecord, ...]) -> str:
    """Pairs in words."""
    one, folds = int(pairs.same.sum()), len(np.unique(pairs.fold))
    persons = len(identities_of(records))
    return f"{one} pairs of one person and {len(pairs.same) - one} of two, of {persons} persons, in {folds} folds"


def _drawn(records: tuple[ImageRecord, ...], seed: int, config: Config) -> Pairs:
    labels = labels_of(records, identities_of(records))
    return drawn_pairs(labels, seed=seed, most=config.task.face.pairs_drawn)


def _persons(root: Path, images: Path | None) -> Found:
    """A folder a person below train/, where there is one, else below `root`; `images` are those of the pairs."""
    below = "train" if (root / "train").is_dir() else ""
    paths, ignored = scan(root, below)
    depth = below.count("train")
    tested = f"{images.relative_to(root).as_posix()}/" if images is not None and images.is_relative_to(root) else ""
    found = Found(ignored=Counter(ignored))
    for path in paths:
        parts = path.split("/")
        if not below and tested not in {"", "./"} and path.startswith(tested):
            continue
        if len(parts) > depth + 1:
            found.train.append(ImageRecord(path, parts[depth], NO_CAMERA))
        else:
            found.ignored["outside a person's folder"] += 1
    return found


def _dataset(root: Path, found: Found, *, use: Use | None = None) -> Dataset:
    warnings = check(found, str(root), use=use, no_cameras=True) if use else []
    return found_dataset(root, found, Layout.FOLDERS, warnings)


def _pairs_file(root: Path, named: str) -> Path | None:
    """TASK.FACE.PAIRS, else the one pairs.txt in `root` or a folder of it; None where there is none."""
    if named:
        file = root / Path(named).expanduser()
        if not file.is_file():
            raise _absent("missing-file", "the list of pairs does not exist", file, "TASK.FACE.PAIRS")
        return file
    files = sorted([*root.glob("pairs.txt"), *root.glob("*/pairs.txt")])
    if len(files) > 1:
        names = examples([str(file.relative_to(root)) for file in files])
        raise _absent("several-lists", f"there are several lists of pairs: {names}", root, "TASK.FACE.PAIRS")
    return files[0] if files else None


def _images_folder(root: Path, file: Path, named: str) -> Path:
    """TASK.FACE.IMAGES, else the folder beside the list in which the first pair's person has one."""
    if named:
        folder = root / Path(named).expanduser()
        if not folder.is_dir():
            raise _absent("missing-folder", "the folder of test images does not exist", folder, "TASK.FACE.IMAGES")
        return folder
    person = first_name(file)
    beside = [*sorted(path for path in file.parent.iterdir() if path.is_dir() and path.name != "train"), file.parent]
    found = next((folder for folder in beside if person and (folder / person).is_dir()), None)
    if found is None:
        message = f"no folder beside the list of pairs has the images of its first person, {person}/{person}_0001.jpg"
        raise _absent("missing-folder", message, file, "TASK.FACE.IMAGES")
    return found


def _overlap(train: Dataset, test: Dataset) -> list[str]:
    known = {record.pid for record in train.train}
    both = [pid for pid in identities_of(test.gallery) if pid in known]
    if not both:
        return []
    return [f"{len(both)} persons are trained on and tested on: {examples(both)}; the test is too easy by that"]


def _absent(code: str, message: str, place: Path, key: str) -> DataError:
    hint = f"name it with {key}" if key != "DATASETS.ROOT" else "check --data"
    return DataError(Finding(code, message, file=str(place), hint=hint, key=key))
