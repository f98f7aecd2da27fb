"""Options about the images that stand for a configuration key; `run`, `train` and `evaluate` share them."""

from __future__ import annotations

import click

__all__ = ["data_settings", "no_cameras_option", "skip_bad_images_option"]

no_cameras_option = click.option(
    "--no-cameras", is_flag=True, help="The data has no camera ids: evaluation drops only the query itself."
)
skip_bad_images_option = click.option(
    "--skip-bad-images",
    is_flag=True,
    help="Leave out (and count) images that do not decode or have no usable name.",
)


def data_settings(*, no_cameras: bool, skip_bad_images: bool) -> tuple[tuple[str, str], ...]:
    """The keys and values, as `--set` takes them, that the two options stand for."""
    cameras = (("DATASETS.NO_CAMERAS", "true"),) if no_cameras else ()
    return (*cameras, ("DATASETS.CORRUPT", "skip")) if skip_bad_images else cameras
