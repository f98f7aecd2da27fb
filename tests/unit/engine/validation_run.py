"""A training on the validation protocol, as most tests here want it."""

from __future__ import annotations

from reid_core import api


def train(config, directory, **options):
    """What every epoch reported, and the end; with one thread unless `options` say otherwise."""
    results = []
    options = {"protocol": api.Protocol.VALIDATION, "threads": 1, "on_epoch": results.append} | options
    return results, api.train(config, directory=directory, **options)
