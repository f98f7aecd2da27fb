"""The terms of distillation: which tensors they are functions of, and how teachers are weighed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reid_core.config import from_values
from reid_core.distill import (
    angle_relation,
    cosine_relation,
    distance_relation,
    js_divergence,
    kl_divergence,
)
from reid_core.distill.lesson import Lesson, taught
from reid_core.losses.outputs import BranchOutputs


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def settings(**changed):
    values = {f"KD.{key.replace('__', '.')}": value for key, value in changed.items()}
    return from_values({"KD.EMA.ENABLED": True} | values).kd


def outputs(*branches):
    """Branches whose margin made their logits useless."""
    return {
        branch: BranchOutputs(logits=torch.full((4, 3), torch.nan), plain_logits=draw(4, 3, seed=seed))
        for seed, branch in enumerate(branches)
    }


@pytest.mark.parametrize(("name", "compare"), [("js", js_divergence), ("kl", kl_divergence)])
def test_logits_are_compared_without_margin_at_the_temperature(name, compare):
    said = draw(4, 3, seed=9)
    terms = taught(
        settings(LOGITS__NAME=name, LOGITS__SCALE=2.0, LOGITS__TEMPERATURE=3.0),
        outputs(""),
        [Lesson({"": said})],
        [1.0],
    )
    assert terms.keys() == {"loss_kd_logits"}
    assert terms["loss_kd_logits"].item() == pytest.approx(2 * compare(draw(4, 3), said, temperature=3.0).item())


def test_branches_of_the_same_names_are_compared_one_by_one():
    said = {"p1": draw(4, 3, seed=8), "p2": draw(4, 3, seed=9)}
    got = taught(settings(), outputs("p1", "p2"), [Lesson(said)], [1.0])["loss_kd_logits"]
    each = [js_divergence(draw(4, 3, seed=seed), said[branch]) for seed, branch in enumerate(said)]
    assert got.item() == pytest.approx(sum(each).item() / 2)


def test_other_branches_each_learn_from_the_mean_of_the_teachers():
    said = {"p1": draw(4, 3, seed=8), "p2": draw(4, 3, seed=9)}
    got = taught(settings(), outputs("a", "b", "c"), [Lesson(said)], [1.0])["loss_kd_logits"]
    mean = (said["p1"] + said["p2"]) / 2
    each = [js_divergence(draw(4, 3, seed=seed), mean) for seed in range(3)]
    assert got.item() == pytest.approx(sum(each).item() / 3)


def test_classes_that_a_step_left_out_are_left_out_of_the_teachers_logits():
    said, classes = draw(4, 9, seed=9), torch.tensor([0, 4, 7])
    sampled = {"": replace(outputs("")[""], classes=classes)}
    got = taught(settings(), sampled, [Lesson({"": said})], [1.0])["loss_kd_logits"]
    assert got.item() == pytest.approx(js_divergence(draw(4, 3), said[:, [0, 4, 7]]).item())


def test_attributes_are_each_a_probability_of_its_own():
    said, kd = draw(4, 3, seed=9), settings(LOGITS__NAME="kl", LOGITS__TEMPERATURE=2.0)
    got = taught(kd, outputs(""), [Lesson({"": said})], [1.0], yes_or_no=True)["loss_kd_logits"]
    own, wanted = (draw(4, 3) / 2).sigmoid(), (said / 2).sigmoid()
    each = wanted * (wanted / own).log() + (1 - wanted) * ((1 - wanted) / (1 - own)).log()
    assert got.item() == pytest.approx(4 * each.mean().item())


def test_several_teachers_count_by_their_weights_which_are_made_to_sum_to_one():
    first, second = Lesson({"": draw(4, 3, seed=8)}), Lesson({"": draw(4, 3, seed=9)})

    def term(lessons, weights):
        return taught(settings(), outputs(""), lessons, weights)["loss_kd_logits"].item()

    want = 0.25 * term([first], [1.0]) + 0.75 * term([second], [1.0])
    assert term([first, second], [2.0, 6.0]) == pytest.approx(want)


def test_every_term_is_scaled_and_one_that_is_off_is_not_there():
    lesson = Lesson(
        {}, embedding=draw(4, 6), own=draw(4, 5, seed=1), answer=draw(4, 6, seed=2), overhaul=draw(4, seed=3).abs()
    )
    kd = settings(
        LOGITS__SCALE=0.0,
        OVERHAUL__SCALE=2.0,
        RELATION__DISTANCE_SCALE=25.0,
        RELATION__ANGLE_SCALE=50.0,
        EMBEDDING__SCALE=0.5,
    )
    got = {name: value.item() for name, value in taught(kd, outputs(""), [lesson], [1.0]).items()}
    relation = 25 * distance_relation(lesson.own, lesson.embedding) + 50 * angle_relation(lesson.own, lesson.embedding)
    assert got == pytest.approx(
        {
            "loss_overhaul": 2 * lesson.overhaul.mean().item(),
            "loss_relation": relation.item(),
            "loss_embedding": 0.5 * cosine_relation(lesson.answer, lesson.embedding).item(),
        }
    )
