from __future__ import annotations

import numpy as np
import pytest

from orchestrator.search.models.gp import GaussianProcess, Hyper, Priors, _evidence, _squares, fit_hyper

RNG = np.random.default_rng(5)
X = RNG.random((24, 3))
X[:, 2] = RNG.integers(0, 3, 24)
Y = np.sin(4 * X[:, 0]) + (X[:, 2] == 1)
HAMMING = np.array([False, False, True])
HYPER = Hyper(np.array([0.5, 0.7, 1.1]), 0.01, 1.3)


def _kernel(a: np.ndarray, b: np.ndarray) -> float:
    """Matern 5/2 by its definition, one pair."""
    apart = np.where(HAMMING, a != b, np.abs(a - b)) / HYPER.length
    r = np.sqrt((apart**2).sum())
    return HYPER.amplitude * (1 + 5**0.5 * r + 5 / 3 * r * r) * np.exp(-(5**0.5) * r)


def test_predictions_match_the_textbook() -> None:
    at = np.array([[0.2, 0.5, 1.0], [0.9, 0.1, 0.0]])
    process = GaussianProcess.condition(X, Y, HYPER, HAMMING)
    mean, deviation = process.predict(at)

    full = np.array([[_kernel(a, b) for b in X] for a in X]) + 0.01 * np.eye(len(X))
    cross = np.array([[_kernel(a, b) for b in X] for a in at])
    covariance = HYPER.amplitude - np.einsum("ij,jk,ik->i", cross, np.linalg.inv(full), cross)
    assert mean == pytest.approx(cross @ np.linalg.solve(full, Y), abs=1e-4)
    assert deviation == pytest.approx(np.sqrt(covariance), abs=1e-4)


def test_the_gradient_of_the_evidence_is_its_slope() -> None:
    theta = np.log(np.array([0.5, 0.7, 1.1, 0.05, 1.3]))
    squares = _squares(X, X, HAMMING)
    _, gradient = _evidence(squares, Y, theta)
    step = 1e-5
    slope = [
        (_evidence(squares, Y, theta + step * unit)[0] - _evidence(squares, Y, theta - step * unit)[0]) / (2 * step)
        for unit in np.eye(len(theta))
    ]

    assert gradient == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_a_column_without_influence_gets_a_long_scale() -> None:
    hyper = fit_hyper(X, Y, HAMMING, Priors(np.log(np.full(3, 0.6))), iterations=60)

    assert hyper.length[1] > 2 * hyper.length[0]
