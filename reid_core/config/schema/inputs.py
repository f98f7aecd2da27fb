"""INPUT: image size and augmentation."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Channels, Fraction, Pair, Section, Size

__all__ = ["Input"]


class Affine(Section):
    """INPUT.AFFINE."""

    enabled: bool = Field(default=False, description="random shift, scale and shear")


class AugMix(Section):
    """INPUT.AUGMIX."""

    enabled: bool = Field(default=False, description="AugMix (Hendrycks et al. 2020)")
    prob: Fraction = Field(0.0, description="probability for an image")


class AutoAug(Section):
    """INPUT.AUTOAUG."""

    enabled: bool = Field(default=False, description="AutoAugment's ImageNet policy")
    prob: Fraction = Field(0.0, description="probability for an image")


class ColorJitter(Section):
    """INPUT.CJ."""

    enabled: bool = Field(default=False, description="random brightness, contrast, saturation and hue")
    prob: Fraction = Field(0.5, description="probability for an image")
    brightness: float = Field(0.15, ge=0.0, description="largest relative change of brightness")
    contrast: float = Field(0.15, ge=0.0, description="largest relative change of contrast")
    saturation: float = Field(0.1, ge=0.0, description="largest relative change of saturation")
    hue: float = Field(0.1, ge=0.0, le=0.5, description="largest turn of hue, in circles")


class Crop(Section):
    """INPUT.CROP."""

    enabled: bool = Field(default=False, description="random crop of random shape")
    size: Size = Field((224, 224), description="FastReID's key, not read: the crop is brought to SIZE_TRAIN")
    scale: Pair = Field((0.16, 1.0), description="least and largest share of the area")
    ratio: Pair = Field((0.75, 1.3333333333333333), description="least and largest width to height")


class Flip(Section):
    """INPUT.FLIP."""

    enabled: bool = Field(default=False, description="mirror left and right")
    prob: Fraction = Field(0.5, description="probability for an image")


class Padding(Section):
    """INPUT.PADDING."""

    enabled: bool = Field(default=False, description="pad every side, then crop the training size at a random place")
    mode: str = Field("constant", description="what the padding shows; constant is black")
    size: int = Field(10, ge=0, le=512, description="pixels at each side")


class Cutout(Section):
    """INPUT.CUTOUT."""

    enabled: bool = Field(default=False, description="blacken a square (DeVries & Taylor 2017)")
    prob: Fraction = Field(0.5, description="probability for an image")
    size: float = Field(0.5, gt=0.0, le=2.0, description="side of the square as a share of the image's shorter side")


class GreyPatch(Section):
    """INPUT.GREY_PATCH."""

    enabled: bool = Field(default=False, description="take the colour out of a rectangle (Gong et al. 2021)")
    prob: Fraction = Field(0.4, description="probability for an image")


class RandomErasing(Section):
    """INPUT.REA."""

    enabled: bool = Field(default=False, description="random erasing (Zhong et al. 2020)")
    prob: Fraction = Field(0.5, description="probability for an image")
    value: Channels = Field((123.675, 116.28, 103.53), description="colour of the erased area, R, G, B in 0..255")


class RandomPatch(Section):
    """INPUT.RPT."""

    enabled: bool = Field(default=False, description="paste a patch of another image (OSNet)")
    prob: Fraction = Field(0.5, description="probability for an image")


class Input(Section):
    """INPUT."""

    size_train: Size = Field((256, 128), description="height and width of training images")
    size_test: Size = Field((256, 128), description="height and width of test images")
    interpolation: str = Field("bilinear", description="resizing, as Pillow does it; FastReID always takes bicubic")
    affine: Affine = Affine()
    augmix: AugMix = AugMix()
    autoaug: AutoAug = AutoAug()
    cj: ColorJitter = ColorJitter()
    cutout: Cutout = Cutout()
    grey_patch: GreyPatch = GreyPatch()
    crop: Crop = Crop()
    flip: Flip = Flip()
    padding: Padding = Padding()
    rea: RandomErasing = RandomErasing()
    rpt: RandomPatch = RandomPatch()
