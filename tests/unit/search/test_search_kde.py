from __future__ import annotations

import numpy as np
import pytest

from orchestrator.search.models.kde import Axes, Density

MIXED = Axes(np.array([0, 3]), np.array([0.0, 0.0]))


def _density(points: list[list[float]], floor: float = 0.05) -> Density:
    return Density.estimate(MIXED, np.array(points), np.ones(len(points)), floor=floor)


def test_the_density_integrates_to_one() -> None:
    density = _density([[0.02, 0], [0.3, 1], [0.31, 1], [0.99, 2]])
    line = (np.arange(2000) + 0.5) / 2000
    total = sum(np.exp(density.log_density(np.column_stack([line, np.full(2000, c)]))).mean() for c in range(3))

    assert total == pytest.approx(1.0, abs=1e-3)


def test_it_is_a_mixture_of_products() -> None:
    """Against the definition, kernel by kernel."""
    density = _density([[0.2, 0], [0.7, 2]])
    at = np.array([[0.4, 2.0]])
    expected = 0.0
    for point, width in zip(density.points, density.widths, strict=True):
        line = (np.arange(20000) + 0.5) / 20000
        inside = np.exp(-0.5 * ((line - point[0]) / width[0]) ** 2).mean()
        normal = np.exp(-0.5 * ((0.4 - point[0]) / width[0]) ** 2) / inside
        category = 1 - width[1] if point[1] == 2.0 else width[1] / 2
        expected += 0.5 * normal * category

    assert np.exp(density.log_density(at))[0] == pytest.approx(expected, rel=1e-4)


def test_an_inactive_column_is_neutral() -> None:
    density = _density([[0.2, np.nan], [0.3, np.nan]])
    values = density.log_density(np.array([[0.25, 0.0], [0.25, 2.0], [0.25, np.nan]]))

    assert np.ptp(values) == pytest.approx(0.0)


def test_bandwidths_never_fall_below_the_floor() -> None:
    assert (_density([[0.5, 1]] * 4, floor=0.08).widths[:, 0] == 0.08).all()


def test_draws_stay_in_the_cube_and_crowd_where_the_points_are() -> None:
    density = _density([[0.1, 0], [0.12, 0], [0.08, 0]])
    drawn = density.draw(np.random.default_rng(0), 2000, widen=2.0)

    assert (drawn[:, 0] >= 0).all()
    assert (drawn[:, 0] <= 1).all()
    assert set(drawn[:, 1]) <= {0.0, 1.0, 2.0}
    assert np.mean(np.abs(drawn[:, 0] - 0.1) < 0.2) > 0.8
    assert np.mean(drawn[:, 1] == 0) > 0.8


def test_regression_returns_the_value_of_the_nearest_points() -> None:
    density = _density([[0.1, 0], [0.9, 0]])

    assert density.expect(np.array([[0.12, 0.0], [0.88, 0.0]]), np.array([1.0, 0.0])) == pytest.approx([1, 0], abs=0.2)


def test_an_added_point_takes_its_share_of_the_mass() -> None:
    density = _density([[0.1, 0], [0.2, 0]]).with_point(np.array([0.9, 2.0]), 0.5, 0.1)

    assert density.weights == pytest.approx([0.25, 0.25, 0.5])
    assert density.log_density(np.array([[0.9, 2.0]]))[0] > density.log_density(np.array([[0.6, 1.0]]))[0]
