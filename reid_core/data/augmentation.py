"""INPUT becomes the augmentation of training images."""

from __future__ import annotations

from collections.abc import Iterator

from reid_core.config.schema import Config
from reid_core.config.schema.inputs import Input
from reid_core.data.images import ImageArray
from reid_core.data.patches import Cutout, GreyPatch, RandomPatch
from reid_core.data.pictures import Affine, AugMix, AutoAugment, ColorJitter, PictureStep, ResizedCrop
from reid_core.data.transforms import Augmentation, Crop, Erasing, PadMode, TrainTransform

__all__ = ["train_transform"]


def train_transform(config: Config, seed: int, images: ImageArray) -> TrainTransform:
    """The augmentation of INPUT; `images` are the training images, which random patches are taken from."""
    inputs = config.input
    flip, padding, rea = inputs.flip, inputs.padding, inputs.rea
    augmentation = Augmentation(
        pictures=tuple(_pictures(inputs)),
        flip_prob=flip.prob if flip.enabled else 0.0,
        crop=Crop(padding.size, PadMode(padding.mode)) if padding.enabled else None,
        erasing=Erasing(rea.prob, rea.value) if rea.enabled else None,
        patch=RandomPatch(inputs.rpt.prob) if inputs.rpt.enabled else None,
        grey_patch=GreyPatch(inputs.grey_patch.prob) if inputs.grey_patch.enabled else None,
        cutout=Cutout(inputs.cutout.prob, inputs.cutout.size) if inputs.cutout.enabled else None,
    )
    return TrainTransform(augmentation, seed, images)


def _pictures(inputs: Input) -> Iterator[PictureStep]:
    """In FastReID's order."""
    if inputs.autoaug.enabled:
        yield AutoAugment(inputs.autoaug.prob)
    if inputs.crop.enabled:
        yield ResizedCrop(inputs.crop.scale, inputs.crop.ratio)
    if inputs.cj.enabled:
        jitter = inputs.cj
        yield ColorJitter(jitter.prob, jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    if inputs.affine.enabled:
        yield Affine()
    if inputs.augmix.enabled:
        yield AugMix(inputs.augmix.prob)
