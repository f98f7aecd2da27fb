"""Augmentation of whole pictures: each part against its definition, drawn as often and as strongly as it says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from reid_core.data.images import ImageArray
from reid_core.data.operations import LEVELS, Operation, apply, hue
from reid_core.data.patches import Cutout, GreyPatch, RandomPatch
from reid_core.data.pictures import IMAGENET_POLICY, Affine, AugMix, AutoAugment, ColorJitter, ResizedCrop
from reid_core.data.transforms import Augmentation, Erasing, TrainTransform

PARTS = [ResizedCrop(), ColorJitter(prob=1.0), Affine(), AutoAugment(1.0), AugMix(1.0)]
NOISE = np.random.default_rng(0)


def picture(height=32, width=16):
    """Smooth colours: augmentations of noise would look like noise."""
    small = NOISE.integers(0, 256, (4, 2, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def batch(count=40):
    return np.stack([np.asarray(picture()) for _ in range(count)])


def augmented(images, augmentation, *, order=None, seed=0, epoch=0, donors=None):
    samples = np.arange(len(images)) if order is None else order
    transform = TrainTransform(augmentation, seed, donors)
    return transform(images, epoch, samples, np.zeros_like(samples))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_part_keeps_the_size_and_depends_on_its_draws_only(part):
    image = picture()
    unit = NOISE.random(part.draws)
    first = np.asarray(part(image, unit))
    assert first.shape == (32, 16, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, np.asarray(part(image, unit)))
    assert any(not np.array_equal(first, np.asarray(part(image, NOISE.random(part.draws)))) for _ in range(5))


@pytest.mark.parametrize(
    "part", [ColorJitter(prob=0.0), AutoAugment(0.0), AugMix(0.0)], ids=lambda part: type(part).__name__
)
def test_a_part_of_probability_zero_does_nothing(part):
    image = picture()
    assert part(image, np.zeros(part.draws)) is image


@pytest.mark.slow
def test_a_part_happens_as_often_as_its_probability():
    image = picture()
    for part in (ColorJitter(prob=0.3), AugMix(0.3)):
        changed = [part(image, NOISE.random(part.draws)) is not image for _ in range(400)]
        assert 80 < sum(changed) < 160


def test_operations_are_pillows():
    image = picture()
    for operation, expected in {
        Operation.AUTOCONTRAST: ImageOps.autocontrast(image),
        Operation.EQUALIZE: ImageOps.equalize(image),
        Operation.INVERT: ImageOps.invert(image),
        Operation.POSTERIZE: ImageOps.posterize(image, 4),
        Operation.SOLARIZE: ImageOps.solarize(image, 0),
        Operation.COLOR: ImageEnhance.Color(image).enhance(1.9),
        Operation.BRIGHTNESS: ImageEnhance.Brightness(image).enhance(1.9),
    }.items():
        assert np.array_equal(np.asarray(apply(image, operation, LEVELS - 1)), np.asarray(expected)), operation


GEOMETRY = (Operation.SHEAR_X, Operation.SHEAR_Y, Operation.TRANSLATE_X, Operation.TRANSLATE_Y, Operation.ROTATE)
ENHANCEMENTS = (Operation.COLOR, Operation.CONTRAST, Operation.BRIGHTNESS, Operation.SHARPNESS)


@pytest.mark.parametrize("operation", [*GEOMETRY, *ENHANCEMENTS])
def test_magnitude_zero_changes_nothing_and_both_directions_differ(operation):
    image = picture()
    still = np.asarray(apply(image, operation, 0), dtype=int)
    assert np.abs(still - np.asarray(image, dtype=int)).max() <= 1
    there, back = (np.asarray(apply(image, operation, 9, negative=sign)) for sign in (False, True))
    assert not np.array_equal(there, back)


def test_shift_moves_by_the_papers_share_and_leaves_grey():
    image = Image.new("RGB", (331, 10), (255, 255, 255))
    moved = np.asarray(apply(image, Operation.TRANSLATE_X, LEVELS - 1))
    assert (moved[:, -149:] == 128).all()
    assert (moved[:, :180] == 255).all()


def test_hue_turns_red_to_green_in_a_third_of_the_circle():
    red, green, blue = np.asarray(hue(Image.new("RGB", (1, 1), (255, 0, 0)), 1 / 3))[0, 0]
    assert green == 255
    assert max(red, blue) <= 3


def test_jitter_stays_within_its_limits():
    grey = Image.new("RGB", (4, 4), (100, 100, 100))
    only = ColorJitter(prob=1.0, brightness=0.2, contrast=0.0, saturation=0.0, hue=0.0)
    levels = [int(np.asarray(only(grey, NOISE.random(9)))[0, 0, 0]) for _ in range(300)]
    assert 79 <= min(levels) < 85
    assert 115 < max(levels) <= 120


def test_resized_crop_shows_the_share_of_the_area_that_was_drawn():
    ramp = np.zeros((64, 64, 3), dtype=np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(64) * 4, (np.arange(64) * 4)[:, None]
    crop = ResizedCrop(scale=(0.25, 0.25), ratio=(1.0, 1.0))
    for _ in range(20):
        shown = np.asarray(crop(Image.fromarray(ramp), NOISE.random(4)), dtype=float)
        width, height = (np.ptp(shown[..., channel]) / 4 for channel in (0, 1))
        assert abs(width - 32) < 3
        assert abs(height - 32) < 3


def test_affine_without_strength_is_the_identity_and_turns_about_the_centre():
    image = picture()
    still = Affine(degrees=0.0, scale=(1.0, 1.0), shear=0.0)(image, np.full(3, 0.5))
    assert np.abs(np.asarray(still, dtype=int) - np.asarray(image, dtype=int)).max() <= 1
    dot = np.zeros((33, 33, 3), dtype=np.uint8)
    dot[14:19, 14:19] = 255
    turned = np.asarray(Affine(degrees=90.0)(Image.fromarray(dot), np.array([1.0, 0.5, 0.5])), dtype=float)[..., 0]
    rows, columns = np.indices(turned.shape)
    assert abs((rows * turned).sum() / turned.sum() - 16) < 0.6
    assert abs((columns * turned).sum() / turned.sum() - 16) < 0.6


def test_the_imagenet_policy_has_its_25_pairs():
    assert len(IMAGENET_POLICY) == 25
    assert all(0 <= prob <= 1 and 0 <= level < LEVELS for pair in IMAGENET_POLICY for _, prob, level in pair)


def test_augmix_is_a_mixture_that_stays_near_the_picture_when_its_share_is_small():
    image, part = picture(), AugMix(1.0)
    unit = NOISE.random(part.draws)
    unit[1] = 0.0
    assert np.array_equal(np.asarray(part(image, unit)), np.asarray(image))


def test_a_patch_comes_from_a_donor_and_covers_a_share_of_the_allowed_area():
    donors = ImageArray(np.full((3, 32, 16, 3), 7, dtype=np.uint8), np.arange(3))
    images = np.full((200, 32, 16, 3), 200, dtype=np.uint8)
    result = augmented(images, Augmentation(patch=RandomPatch(prob=0.5)), donors=donors)
    pasted = (result == 7).all(axis=1)
    shares = pasted.mean(axis=(1, 2))
    assert set(np.unique(result)) == {7, 200}
    assert 70 < (shares > 0).sum() < 130
    assert shares.max() <= 0.55
    assert (shares[shares > 0] >= 1 / 512).all()


def test_a_grey_patch_has_one_level_in_all_channels_and_the_rest_keeps_its_colour():
    images = np.zeros((100, 32, 16, 3), dtype=np.uint8)
    images[..., 0] = 200
    result = augmented(images, Augmentation(grey_patch=GreyPatch(prob=1.0)))
    grey = (result == 60).all(axis=1)  # 0.299 * 200
    red = (result == np.array([200, 0, 0])[:, None, None]).all(axis=1)
    assert (grey | red).all()
    assert grey.any(axis=(1, 2)).all()
    assert 0.02 < grey.mean() < 0.4


def test_cutout_blackens_one_square_of_the_given_size():
    images = np.full((300, 32, 16, 3), 255, dtype=np.uint8)
    black = (augmented(images, Augmentation(cutout=Cutout(prob=1.0, size=0.5))) == 0).all(axis=1)
    sizes = black.sum(axis=(1, 2))
    assert sizes.max() in {64, 72, 81}
    assert sizes.min() > 0


@pytest.mark.slow
def test_an_image_does_not_depend_on_its_batch_with_every_part_on():
    images = batch()
    donors = ImageArray(images, np.arange(len(images)))
    everything = Augmentation(
        pictures=tuple(PARTS),
        flip_prob=0.5,
        erasing=Erasing(),
        patch=RandomPatch(),
        grey_patch=GreyPatch(),
        cutout=Cutout(),
    )
    whole = augmented(images, everything, epoch=3, donors=donors)
    order = np.array([7, 2, 19])
    assert np.array_equal(augmented(images[order], everything, order=order, epoch=3, donors=donors), whole[order])
    assert not np.array_equal(augmented(images, everything, epoch=4, donors=donors), whole)


def test_switching_a_picture_step_on_changes_no_other_part():
    images = batch(60)
    flipped = augmented(images, Augmentation(flip_prob=0.5))
    both = augmented(images, Augmentation(pictures=(ColorJitter(prob=0.0),), flip_prob=0.5))
    assert np.array_equal(flipped, both)


def test_patches_without_donors_are_refused():
    with pytest.raises(ValueError, match="images to take them from"):
        TrainTransform(Augmentation(patch=RandomPatch()), 0)
