"""A small Gaussian process: Matern 5/2 with one length scale a column, hyperparameters by MAP.

Rasmussen & Williams 2006, algorithm 2.1 and equation 5.9; numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

__all__ = ["Floats", "GaussianProcess", "Hyper", "Priors", "fit_hyper"]

Floats = npt.NDArray[np.float64]

_ROOT5 = 5.0**0.5
_JITTER = 1e-8


@dataclass(frozen=True, slots=True)
class Priors:
    """Normal priors on logarithms: (D,) means and one deviation for length scales; then noise, amplitude."""

    log_length: Floats
    log_length_sd: float = 0.8
    log_noise: float = -4.0
    log_noise_sd: float = 1.0
    log_amplitude: float = 0.0
    log_amplitude_sd: float = 0.5


@dataclass(frozen=True, slots=True)
class Hyper:
    """Length scales (D,), noise variance and amplitude (variance)."""

    length: Floats
    noise: float
    amplitude: float


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A posterior: `x` (N, D), Cholesky factor (N, N), and the solved targets (N,)."""

    x: Floats
    hyper: Hyper
    hamming: npt.NDArray[np.bool_]
    factor: Floats
    alpha: Floats
    mean: float

    @classmethod
    def condition(
        cls, x: Floats, y: Floats, hyper: Hyper, hamming: npt.NDArray[np.bool_], mean: float = 0.0
    ) -> GaussianProcess:
        """The posterior given `y` (N,) at `x` (N, D). Columns in `hamming` differ or not, without distance."""
        kernel = _matern(_scaled(x, x, hyper.length, hamming), hyper.amplitude)
        kernel[np.diag_indices(len(x))] += hyper.noise + _JITTER
        factor = np.asarray(np.linalg.cholesky(kernel), dtype=np.float64)
        return cls(x, hyper, hamming, factor, cho_solve((factor, True), y - mean), mean)

    def predict(self, at: Floats) -> tuple[Floats, Floats]:
        """Mean (M,) and standard deviation (M,) of the noiseless function at `at` (M, D)."""
        cross = _matern(_scaled(at, self.x, self.hyper.length, self.hamming), self.hyper.amplitude)
        half = solve_triangular(self.factor, cross.T, lower=True, check_finite=False)
        variance = self.hyper.amplitude - np.einsum("nm,nm->m", half, half)
        return self.mean + cross @ self.alpha, np.sqrt(np.maximum(variance, 1e-12))


def fit_hyper(x: Floats, y: Floats, hamming: npt.NDArray[np.bool_], priors: Priors, *, iterations: int = 20) -> Hyper:
    """Hyperparameters of highest posterior density for targets `y` (N,) at `x` (N, D), from the prior's mean."""
    squares = _squares(x, x, hamming)
    centre = np.concatenate([priors.log_length, [priors.log_noise, priors.log_amplitude]])
    spread = np.concatenate([np.full(x.shape[1], priors.log_length_sd), [priors.log_noise_sd, priors.log_amplitude_sd]])

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, gradient = _evidence(squares, y, theta)
        pull = (theta - centre) / spread
        return value + 0.5 * float(pull @ pull), gradient + pull / spread

    bounds = list(zip(centre - 3 * spread, centre + 3 * spread, strict=True))
    found = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations})
    theta = np.asarray(found.x, dtype=np.float64)
    return Hyper(np.exp(theta[:-2]), float(np.exp(theta[-2])), float(np.exp(theta[-1])))


def _evidence(squares: Floats, y: Floats, theta: Floats) -> tuple[float, Floats]:
    """Negative log marginal likelihood and its gradient; `squares` is (D, N, N), theta logarithms (D + 2,)."""
    columns, count, _ = squares.shape
    inverse_square = np.exp(-2.0 * theta[:columns])
    noise, amplitude = np.exp(theta[columns]), np.exp(theta[columns + 1])
    distance = np.sqrt(inverse_square @ squares.reshape(columns, -1)).reshape(count, count)
    decay = np.exp(-_ROOT5 * distance)
    signal = amplitude * (1.0 + _ROOT5 * distance + 5.0 / 3.0 * distance**2) * decay
    kernel = signal.copy()
    kernel[np.diag_indices(count)] += noise + _JITTER
    factor, info = dpotrf(kernel, lower=1)
    if info != 0:
        return 1e10, np.zeros_like(theta)
    inverse, _ = dpotri(factor, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    alpha = inverse @ y
    value = 0.5 * float(y @ alpha) + float(np.log(np.diag(factor)).sum())
    weight = inverse - np.outer(alpha, alpha)  # twice the derivative by the kernel matrix
    # d k / d log(length_d) = 5/3 amplitude (1 + sqrt5 r) exp(-sqrt5 r) * squares_d / length_d^2
    slope = 5.0 / 3.0 * amplitude * (1.0 + _ROOT5 * distance) * decay * weight
    by_length = 0.5 * (squares.reshape(columns, -1) @ slope.ravel()) * inverse_square
    by_noise = 0.5 * noise * float(np.trace(weight))
    by_amplitude = 0.5 * float((weight * signal).sum())
    return value, np.concatenate([by_length, [by_noise, by_amplitude]])


def _matern(square: Floats, amplitude: float) -> Floats:
    distance = np.sqrt(square)
    kernel: Floats = amplitude * (1.0 + _ROOT5 * distance + 5.0 / 3.0 * square) * np.exp(-_ROOT5 * distance)
    return kernel


def _squares(a: Floats, b: Floats, hamming: npt.NDArray[np.bool_]) -> Floats:
    """Squared differences of each column: (D, len(a), len(b)); 0 or 1 for columns without distance."""
    difference = a.T[:, :, None] - b.T[:, None, :]
    squares: Floats = np.where(hamming[:, None, None], difference != 0.0, difference**2)
    return squares


def _scaled(a: Floats, b: Floats, length: Floats, hamming: npt.NDArray[np.bool_]) -> Floats:
    """Squared distance (len(a), len(b)) in length scales."""
    smooth = ~hamming
    left, right = a[:, smooth] / length[smooth], b[:, smooth] / length[smooth]
    square: Floats = (left**2).sum(1)[:, None] + (right**2).sum(1)[None, :] - 2.0 * left @ right.T
    for column in np.flatnonzero(hamming):
        square += (a[:, column][:, None] != b[:, column][None, :]) / length[column] ** 2
    return np.maximum(square, 0.0)
