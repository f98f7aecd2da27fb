"""The memory of clusters against slow loops over its definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from reid_core.tasks.adaptation.memory import Assignment, ClusterMemory

CLUSTERS = np.array([0, 1, 0, -1, 1, 1, 0])
CAMERAS = np.array([3, 3, 5, 3, 3, 5, 5])
TEMPERATURE, MOMENTUM = 0.1, 0.3


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture
def memory(rows):
    made = ClusterMemory(2, 5, temperature=TEMPERATURE, momentum=MOMENTUM)
    made.fill(rows, Assignment(CLUSTERS, CAMERAS))
    return made


def unit(vector):
    return vector / np.linalg.norm(vector)


def batch(seed=1):
    features = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    return features, torch.tensor([0, 3, 1, 3])


def test_a_proxy_is_the_part_of_a_cluster_that_one_camera_took():
    found = Assignment(CLUSTERS, CAMERAS)
    assert found.labels.tolist() == [0, 2, 1, -1, 2, 3, 1]
    assert found.cluster_of.tolist() == [0, 0, 1, 1]
    assert found.camera_of.tolist() == [3, 5, 3, 5]


def test_unknown_cameras_make_one_proxy():
    found = Assignment(np.array([0, 0, 1]), np.array([-2, -3, -4]))
    assert found.labels.tolist() == [0, 0, 1]
    assert found.camera_of.tolist() == [-1, -1]


def test_means_are_of_unit_rows_and_of_unit_length(memory, rows):
    for cluster in (0, 1):
        mean = np.mean([unit(row) for row, own in zip(rows, CLUSTERS, strict=True) if own == cluster], axis=0)
        assert np.allclose(memory.clusters[cluster].numpy(), unit(mean), atol=1e-6)
    assert np.allclose(memory.proxies[1].numpy(), unit(unit(rows[2]) + unit(rows[6])), atol=1e-6)


def test_the_loss_is_the_contrast_with_every_cluster(memory):
    features, targets = batch()
    own = memory.cluster_of[targets]
    expected = 0.0
    for row, cluster in zip(features.detach().numpy(), own.tolist(), strict=True):
        scores = [np.exp(unit(row) @ mean / TEMPERATURE) for mean in memory.clusters.numpy()]
        expected -= np.log(scores[cluster] / sum(scores)) / 4
    assert functional.cross_entropy(memory.logits(features), own).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_within_cameras_sees_the_proxies_of_the_own_camera_only(memory):
    features, targets = batch()
    expected = 0.0
    for row, proxy in zip(features.detach().numpy(), targets.tolist(), strict=True):
        peers = [other for other in range(4) if memory.camera_of[other] == memory.camera_of[proxy]]
        scores = {other: np.exp(unit(row) @ memory.proxies[other].numpy() / TEMPERATURE) for other in peers}
        expected -= np.log(scores[proxy] / sum(scores.values())) / 4
    assert memory.loss_within_cameras(features, targets).item() == pytest.approx(expected, rel=1e-5)


def test_images_of_unknown_cameras_have_no_loss_within_cameras(rows):
    memory = ClusterMemory(2, 5, temperature=TEMPERATURE, momentum=MOMENTUM)
    memory.fill(rows, Assignment(CLUSTERS, np.full(7, -9)))
    features, targets = batch()[0], torch.tensor([0, 1, 1, 0])
    loss = memory.loss_within_cameras(features, targets)
    assert loss.item() == 0
    loss.backward()
    assert features.grad.abs().sum() == 0


def test_means_follow_one_image_after_another(memory):
    features, targets = batch()
    clusters, proxies = memory.clusters.numpy().copy(), memory.proxies.numpy().copy()
    for row, proxy in zip(features.detach().numpy(), targets.tolist(), strict=True):
        for means, place in ((clusters, int(memory.cluster_of[proxy])), (proxies, proxy)):
            means[place] = unit(MOMENTUM * means[place] + (1 - MOMENTUM) * unit(row))
    memory.take_in(features, targets)
    assert np.allclose(memory.clusters.numpy(), clusters, atol=1e-6)
    assert np.allclose(memory.proxies.numpy(), proxies, atol=1e-6)


def test_taking_in_a_batch_does_not_disturb_its_gradient(memory):
    features, targets = batch()
    loss = memory.logits(features).sum() + memory.loss_within_cameras(features, targets)
    (before,) = torch.autograd.grad(loss, features, retain_graph=True)
    memory.take_in(features, targets)
    (after,) = torch.autograd.grad(loss, features)
    assert torch.equal(before, after)


def test_the_memory_is_no_part_of_the_state(memory):
    assert not memory.state_dict()
