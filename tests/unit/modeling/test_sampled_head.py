"""A classifier that sees a sample of the classes: which, what they cost, and that the others rest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_core.config import from_values, load_config
from reid_core.engine.sampling_check import check_sampling
from reid_core.errors import ConfigError
from reid_core.losses import build_losses
from reid_core.modeling import build_model
from reid_core.modeling.heads import Classifier, ClassifierKind, EmbeddingHead, SampledHead, sampled_classes
from reid_core.solver import build_optimizer
from reid_core.solver.resting import rest_undrawn_rows

CLASSES, WIDTH = 20, 6
TARGETS = torch.tensor([3, 17, 3, 5])
ARC = Classifier(ClassifierKind.ARC, 16.0, 0.3)


def head(kind=EmbeddingHead, **settings):
    torch.manual_seed(0)
    return kind(WIDTH, CLASSES, with_bnneck=False, classifier=ARC, **settings)


def maps():
    return torch.randn(len(TARGETS), WIDTH, 2, 2, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 1.0])
def test_a_sample_holds_the_batch_and_so_many_classes(rate):
    for seed in range(5):
        torch.manual_seed(seed)
        chosen = sampled_classes(TARGETS, CLASSES, rate)
        assert {3, 5, 17} <= set(chosen.tolist())
        assert len(chosen) == max(3, round(rate * CLASSES))
        assert chosen.tolist() == sorted(set(chosen.tolist()))


@pytest.mark.slow
def test_others_are_drawn_equally_often_and_by_torchs_seed():
    torch.manual_seed(0)
    counts = torch.zeros(CLASSES)
    for _ in range(2000):
        counts[sampled_classes(TARGETS, CLASSES, 0.5)] += 1
    others = torch.tensor([one for one in range(CLASSES) if one not in {3, 5, 17}])
    expected = 2000 * 7 / 17
    assert (counts[others] - expected).abs().max() < 5 * (expected * 10 / 17) ** 0.5
    torch.manual_seed(4)
    first = sampled_classes(TARGETS, CLASSES, 0.5)
    torch.manual_seed(4)
    assert torch.equal(first, sampled_classes(TARGETS, CLASSES, 0.5))


def test_logits_are_the_columns_of_the_sampled_classes():
    whole, sampled = head(), head(SampledHead, sample_rate=0.4)
    out, all_of_them = sampled.classify(maps(), TARGETS), whole.classify(maps(), TARGETS)
    assert out.logits.shape == (4, 8)
    torch.testing.assert_close(out.logits, all_of_them.logits[:, out.classes])
    torch.testing.assert_close(out.plain_logits, all_of_them.plain_logits[:, out.classes])
    assert torch.equal(sampled.drawn_rows, out.classes)


def test_without_targets_and_in_evaluation_all_classes_are_seen():
    sampled = head(SampledHead, sample_rate=0.2)
    assert sampled.classify(maps()).logits.shape == (4, CLASSES)
    assert sampled.eval().classify(maps(), TARGETS).logits.shape == (4, CLASSES)


def test_the_loss_is_that_of_a_softmax_over_the_sample_and_only_its_rows_have_gradients():
    config = from_values({"MODEL.LOSSES.NAME": ["CrossEntropyLoss"], "MODEL.LOSSES.CE.EPSILON": 0.1})
    sampled = head(SampledHead, sample_rate=0.4)
    out = sampled.classify(maps(), TARGETS)
    (loss,) = build_losses(config, CLASSES, WIDTH)({"": out}, TARGETS).values()
    columns = [out.classes.tolist().index(target) for target in TARGETS.tolist()]
    smooth = torch.full((4, 8), 0.1 / 7)
    smooth[range(4), columns] = 0.9
    torch.testing.assert_close(loss, -(smooth * out.logits.log_softmax(1)).sum(1).mean())
    loss.backward()
    moved = sampled.weight.grad.abs().sum(1).nonzero().flatten()
    assert torch.equal(moved, out.classes)


def test_micro_batches_add_up_until_the_gradient_is_gone():
    sampled = head(SampledHead, sample_rate=0.1)
    sampled.classify(maps(), TARGETS).logits.sum().backward()
    sampled.classify(maps(), torch.tensor([1, 2, 1, 2])).logits.sum().backward()
    assert sampled.drawn_rows.tolist() == [1, 2, 3, 5, 17]
    sampled.weight.grad = None
    sampled.classify(maps(), torch.tensor([1, 2, 1, 2]))
    assert sampled.drawn_rows.tolist() == [1, 2]


OPTIMIZERS = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1, fused=True),
    "plain": lambda parameters: torch.optim.SGD(parameters, lr=0.1, weight_decay=0.1, fused=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.1, weight_decay=0.1, fused=True),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1, fused=True),
    "adagrad": lambda parameters: torch.optim.Adagrad(parameters, lr=0.1, fused=True),
    "adamax": lambda parameters: torch.optim.Adamax(parameters, lr=0.1, foreach=True),
    "rmsprop": lambda parameters: torch.optim.RMSprop(parameters, lr=0.1, foreach=True),
}
DRAWN = [[0, 2], [1, 2], [0, 1, 2, 3], [3], [0, 2]]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_rows_that_are_not_drawn_rest_with_all_that_is_known_of_them(kind):
    """Step by step: the dense step, then every other row put back to what it and its memory were."""
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    resting, dense = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    drawn = []
    sparse_steps, dense_steps = OPTIMIZERS[kind]([resting]), OPTIMIZERS[kind]([dense])
    rest_undrawn_rows(sparse_steps, resting, lambda: drawn[-1])
    for number, rows in enumerate(DRAWN):
        drawn.append(torch.tensor(rows))
        gradient = torch.zeros(4, 3)
        gradient[rows] = torch.randn(len(rows), 3, generator=torch.Generator().manual_seed(number + 1))
        resting.grad, dense.grad = gradient.clone(), gradient.clone()
        before = [dense.detach().clone(), *rows_of(dense_steps, dense)]
        sparse_steps.step()
        dense_steps.step()
        with torch.no_grad():
            others = [row for row in range(4) if row not in rows]
            for now, then in zip([dense, *rows_of(dense_steps, dense, live=True)], before, strict=False):
                now[others] = then[others]
            if len(before) == 1:  # the first step made the memory
                for now in rows_of(dense_steps, dense, live=True):
                    now[others] = 0.0
        torch.testing.assert_close(resting, dense)
    assert sparse_steps.param_groups[0]["params"][0] is resting
    assert set(sparse_steps.state) == {resting} or not any(dense_steps.state.values())


def rows_of(optimizer, parameter, *, live=False):
    values = [one for one in optimizer.state[parameter].values() if torch.is_tensor(one) and one.shape == (4, 3)]
    return values if live else [one.clone() for one in values]


def test_the_optimiser_of_a_configuration_lets_rows_rest():
    values = {
        "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
        "MODEL.BACKBONE.DEPTH": "0.1x",
        "MODEL.HEADS.PFC.ENABLED": True,
        "MODEL.HEADS.PFC.SAMPLE_RATE": 0.25,
        "INPUT.SIZE_TRAIN": [32, 32],
        "SOLVER.WEIGHT_DECAY": 0.1,
    }
    model = build_model(from_values(values), CLASSES)
    optimizer = build_optimizer(from_values(values), model)
    before = model.heads.weight.detach().clone()
    out = model.outputs(torch.zeros(4, 3, 32, 32), TARGETS)[""]
    out.logits.square().sum().backward()
    optimizer.step()
    moved = (model.heads.weight != before).any(1).nonzero().flatten()
    assert moved.tolist() == out.classes.tolist()


@pytest.mark.parametrize(
    "changed",
    [
        {"SOLVER.COMPILE": True},
        {"MODEL.META_ARCHITECTURE": "PCB", "INPUT.SIZE_TRAIN": [112, 112]},
    ],
)
def test_what_needs_all_classes_is_refused(changed):
    with pytest.raises(ConfigError, match=r"MODEL\.HEADS\.PFC\.ENABLED"):
        load_config("face", {"MODEL.HEADS.PFC.ENABLED": True} | changed)


def test_several_processes_cannot_sample():
    config = load_config("face", {"MODEL.HEADS.PFC.ENABLED": True}).config
    check_sampling(config, 1)
    with pytest.raises(ConfigError, match="one process"):
        check_sampling(config, 2)
