"""A controller that is killed at each event of a study on Ray, one study for each."""

from __future__ import annotations

import pytest
from raylets import raylets
from trials.killed import check_killed_controllers

STUDY = {"trials": 2, "max_epochs": 3, "TEST.DELAY": 0.05}


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_controller_killed_at_every_event_of_a_study_on_ray_loses_no_result_and_repeats_no_epoch(tmp_path):
    with raylets() as cluster:
        cluster.join("north", cpus=4)  # the workers of a killed controller may still hold two
        there = {"options": {"address": cluster.address}, **STUDY}

        def killed_at(*kills: int) -> int:
            folder = tmp_path / "-".join(map(str, ("killed", *kills)))
            folder.mkdir()
            return check_killed_controllers(folder, "ray_backend", "RayBackend", kills, **there)

        events = killed_at()
        assert events > 10
        for event in range(2, events + 1):
            killed_at(event)
