"""Tell pictures that are no blood cell, or none of a known kind, from those a model may judge."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from giemsa.errors import UsageError
from giemsa.evaluation.appearance import appearance
from giemsa.evaluation.strangers import strangers, widened

CONFIDENT = 0.95
LEARNED_FROM = 3200
HIDDEN = 48
ROUNDS = 40
OUTERMOST = 10.0
# How large a part of the cells that may be rejected each score may claim: what tells most may claim most.
# Energy tells little that the others do not: it rejects only what exceeds every cell seen.
CLAIMS = {"strangeness": 1.0, "appearance": 0.5, "feature_distance": 0.34, "energy": 0.0}
PHRASES = {
    "appearance": "does not look like a stained cell (appearance distance {score:.1f} > {limit:.1f})",
    "energy": "of no known kind (energy {score:.1f} > {limit:.1f})",
    "feature_distance": "unlike any training cell (feature distance {score:.1f} > {limit:.1f})",
    "strangeness": "no stained cell in the middle (strangeness {score:.1f} > {limit:.1f})",
}

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rejection:
    """What training cells look like, and how strange a picture may be.

    Four scores, each higher for stranger pictures: the Mahalanobis distance of the network's features to the
    nearest class and the same of the picture's appearance (Lee et al. 2018), the energy of the logits (Liu
    et al. 2020), and how much a small classifier takes the appearance for that of a stranger made from cells
    (Hendrycks et al. 2019, outlier exposure).

    Args:
        thresholds: largest score that is still accepted, by name; empty: nothing is rejected.
        arrays: means and whitening matrices of features and appearance, the classifier's weights.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        views: NDArray[np.uint8],
        features: NDArray[np.float32],
        labels: NDArray[np.integer],
        *,
        seed: int,
    ) -> Self:
        """Learn what training cells look like; the thresholds come from ``calibrate``.

        Args:
            views: training cells, shape ``(n, size, size, 3)``.
            features: their penultimate features, shape ``(n, d)``.
            labels: class indices, shape ``(n,)``; every class occurs.
            seed: of the variations and strangers that are drawn.
        """
        rng = np.random.default_rng(seed)
        rows = _spread(labels)
        plain, varied = views[rows], widened(views[rows], rng)
        made_from = np.concatenate([plain, varied])[rng.permutation(2 * len(rows))]
        cells = np.concatenate([appearance(plain), appearance(varied)])
        centre, spread = cells[: len(rows)].mean(axis=0), cells[: len(rows)].std(axis=0) + 1e-6
        cells = (cells - centre) / spread
        others = (appearance(strangers(made_from, rng)) - centre) / spread
        arrays = {"centre": centre, "spread": spread}
        arrays |= _classifier(cells, others, seed)
        arrays |= _gaussians("appearance", cells, np.tile(labels[rows], 2))
        arrays |= _gaussians("feature", features.astype(np.float64), labels)
        return cls(arrays={name: value.astype(np.float32) for name, value in arrays.items()})

    def scores(
        self, looks: Array, logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> dict[str, Array]:
        """Give each score by name, shape ``(n,)`` each; ``looks`` comes from ``appearance.appearance``."""
        arrays = self._exact
        looks = (looks - arrays["centre"]) / arrays["spread"]
        inner = np.maximum(
            np.clip(looks, -OUTERMOST, OUTERMOST) @ arrays["hidden"] + arrays["hidden_bias"], 0
        )
        return {
            "appearance": self._distance("appearance", looks),
            "energy": -logsumexp(logits.astype(np.float64), axis=1),
            "feature_distance": self._distance("feature", features.astype(np.float64)),
            "strangeness": inner @ arrays["output"] + arrays["output_bias"],
        }

    def judge(
        self, looks: Array, logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Say which pictures to reject, shape ``(n,)``, and why (empty where accepted)."""
        reasons = [""] * len(looks)
        if self.thresholds:
            scores = self.scores(looks, logits, features)
            for name in sorted(self.thresholds, reverse=True):
                limit = self.thresholds[name]
                for row in np.flatnonzero(~(scores[name] <= limit)):  # what is no number is no cell either
                    reasons[row] = PHRASES[name].format(score=scores[name][row], limit=limit)
        return np.array([bool(reason) for reason in reasons], bool), tuple(reasons)

    def _distance(self, name: str, values: Array) -> Array:
        """Give the Mahalanobis distance of each row to the nearest class, shape ``(n,)``."""
        whitened = values @ self._exact[f"{name}_whitening"]
        squares = [((whitened - mean) ** 2).sum(axis=1) for mean in self._exact[f"{name}_whitened"]]
        nearest: Array = np.sqrt(np.min(squares, axis=0))
        return nearest

    @cached_property
    def _exact(self) -> dict[str, Array]:
        """The arrays as they are reckoned with, and the class means where they are compared."""
        arrays = {name: value.astype(np.float64) for name, value in self.arrays.items()}
        for name in ("appearance", "feature"):
            arrays[f"{name}_whitened"] = arrays[f"{name}_means"] @ arrays[f"{name}_whitening"]
        return arrays

    def save(self, bundle: Path) -> None:
        """Write the arrays to the model's folder."""
        np.savez(bundle / "rejection.npz", **self.arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, bundle: Path, thresholds: Mapping[str, float]) -> Self:
        """Read what ``save`` wrote.

        Raises:
            UsageError: if the file is missing or damaged although there are thresholds.
        """
        if not thresholds:
            return cls()
        try:
            with np.load(bundle / "rejection.npz", allow_pickle=False) as stored:
                return cls(thresholds, {name: stored[name] for name in sorted(stored)})
        except (OSError, ValueError, EOFError, BadZipFile):
            message = f"{bundle / 'rejection.npz'} is missing or cannot be read: train the model again."
            raise UsageError(message) from None


def calibrate(scores: Mapping[str, Array], false_rejection: float) -> dict[str, float]:
    """Set one threshold per score so that all together reject at most a share of real cells.

    Each score rejects as many of the given cells as its claim allows, and all of them together keep to a
    tolerance bound (Wilks 1941): with 95% confidence at most ``false_rejection`` of unseen cells are
    rejected. Where there are too few cells for that, each limit is the largest score seen.

    Args:
        scores: of real cells that were not trained on, by name as in ``CLAIMS``, shape ``(n,)`` each.
        false_rejection: share of real cells that may be rejected, 0..1.
    """
    values = np.stack(list(scores.values()))
    ordered = np.sort(values, axis=1)
    claims = np.array([CLAIMS[name] for name in scores])
    allowed = _allowed(values.shape[1], false_rejection)
    limits = ordered[:, -1]
    for most in range(allowed + 1):
        lower = ordered[np.arange(len(values)), -1 - (most * claims).astype(int)]
        if (values > lower[:, None]).any(axis=0).sum() <= allowed:
            limits = lower
    return {name: math.ceil(limit * 1e6) / 1e6 for name, limit in zip(scores, limits, strict=True)}


def _allowed(n: int, share: float) -> int:
    """Count how many of ``n`` cells may lie above the limit for it to hold with 95% confidence."""
    from scipy.stats import binom

    allowed = np.arange(max(1, int(n * share) + 1))
    held = binom.cdf(allowed, n, share) <= 1 - CONFIDENT
    return int(allowed[held].max(initial=0))


def _spread(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Choose rows evenly over each class, about ``LEARNED_FROM`` in all."""
    kinds = np.unique(labels)
    members = [np.flatnonzero(labels == kind) for kind in kinds]
    places = [np.linspace(0, len(rows) - 1, min(len(rows), LEARNED_FROM // len(kinds))) for rows in members]
    return np.concatenate([rows[place.astype(int)] for rows, place in zip(members, places, strict=True)])


def _classifier(cells: Array, others: Array, seed: int) -> dict[str, Array]:
    """Train a network of one small hidden layer to tell cells from strangers."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    inputs = np.clip(np.concatenate([cells, others]), -OUTERMOST, OUTERMOST)
    network = MLPClassifier((HIDDEN,), alpha=1e-2, max_iter=ROUNDS, random_state=seed)
    # One thread: the products are too small for more, and their sums keep one order.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # so many rounds are meant to be all
        network.fit(inputs, np.repeat([0, 1], [len(cells), len(others)]))
    (hidden, output), (hidden_bias, output_bias) = network.coefs_, network.intercepts_
    return {
        "hidden": hidden,
        "hidden_bias": hidden_bias,
        "output": output[:, 0],
        "output_bias": output_bias[0],
    }


def _gaussians(name: str, values: Array, labels: NDArray[np.integer]) -> dict[str, Array]:
    """Fit one mean for each class and one covariance for all, shrunk (Ledoit and Wolf 2004)."""
    from sklearn.covariance import ledoit_wolf

    means = np.stack([values[labels == index].mean(axis=0) for index in range(labels.max() + 1)])
    covariance, _ = ledoit_wolf(values - means[labels], assume_centered=True)
    precision = np.linalg.inv(covariance + 1e-6 * np.eye(len(covariance)))
    return {f"{name}_means": means, f"{name}_whitening": np.linalg.cholesky(precision)}
