"""DATASETS and DATALOADER: where images come from, how they are split, and how batches are drawn."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Reals, Section, Texts

__all__ = ["DataLoader", "Datasets", "Synthetic"]


class Synthetic(Section):
    """DATASETS.SYNTHETIC: the built-in data, generated from its seed."""

    identities: int = Field(48, ge=2, le=100_000, description="identities to train on")
    test_identities: int = Field(32, ge=2, le=100_000, description="further identities for query and gallery")
    cameras: int = Field(4, ge=2, le=64, description="cameras; each sees every identity")
    images: int = Field(4, ge=1, le=1000, description="images of an identity in a camera")
    seed: int = Field(0, ge=0, lt=2**31, description="the same seed gives the same images")
    difficulty: float = Field(
        0.5, ge=0.0, le=1.0, description="0 is easy; 1 has strong camera colours, occlusion and alike identities"
    )
    partial: bool = Field(
        default=False, description="test queries show a part of somebody, to be found among whole people"
    )


class Datasets(Section):
    """DATASETS."""

    names: Texts = Field(
        ("Market1501",),
        min_length=1,
        description="data sets to train on: FastReID's names or folders below ROOT, or NAME=FOLDER; read where ROOT "
        "itself is no data set or several are named",
    )
    tests: Texts = Field(
        ("Market1501",),
        min_length=1,
        description="data sets to test on, named as NAMES are; what is chosen by a test is chosen by the first",
    )
    combineall: bool = Field(
        default=False,
        description="train on query and gallery too; only under the test protocol, whose measure is then no test",
    )
    root: str = Field(
        "synthetic",
        min_length=1,
        description="folder of images, or of several data sets (NAMES, TESTS), or 'synthetic' for the built-in data",
    )
    layout: str = Field("auto", description="how a data set is laid out whose name does not say; auto recognises it")
    val_fraction: float = Field(
        0.25, gt=0.0, lt=1.0, description="share of the training identities held out for validation"
    )
    val_seed: int = Field(0, ge=0, lt=2**31, description="which identities are held out")
    no_cameras: bool = Field(
        default=False,
        description="there are no camera ids: evaluation drops only the query image itself from the gallery",
    )
    corrupt: str = Field(
        "error", description="an image that cannot be read: stop (error), or leave it out and say so (skip)"
    )
    synthetic: Synthetic = Synthetic()


class DataLoader(Section):
    """DATALOADER."""

    sampler_train: str = Field("TrainingSampler", description="how training batches are drawn")
    num_instance: int = Field(4, ge=1, le=512, description="images of an identity in a batch, for identity samplers")
    num_workers: int = Field(8, ge=0, le=256, description="FastReID's key, not read: the trainer prepares its batches")
    set_weight: Reals = Field(
        (), description="share of each of DATASETS.NAMES in a batch's identities, for SetReWeightSampler"
    )
    cache_dir: str = Field("", description="folder of decoded images; empty takes the default under REID_TUNE_HOME")
