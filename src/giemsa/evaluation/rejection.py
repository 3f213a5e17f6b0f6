"""Tell pictures that are no blood cell, or none of a known kind, from those a model may judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from giemsa.errors import UsageError

CONFIDENT = 0.95
PHRASES = {
    "feature_distance": "unlike any training cell (feature distance {score:.1f} > {limit:.1f})",
    "energy": "of no known kind (energy {score:.1f} > {limit:.1f})",
}


@dataclass(frozen=True)
class Rejection:
    """What training cells look like to the network, and how strange a picture may be.

    Two scores, each higher for stranger pictures: the Mahalanobis distance of the penultimate features to the
    nearest class (Lee et al. 2018), and the energy of the logits (Liu et al. 2020).

    Args:
        thresholds: largest score that is still accepted, by name; empty: nothing is rejected.
        arrays: ``means``, shape ``(classes, d)``, and ``whitening``, shape ``(d, d)``, of the features.
    """

    thresholds: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def fit(cls, features: NDArray[np.float32], labels: NDArray[np.integer], classes: int) -> Self:
        """Learn what training cells look like; thresholds are set by ``calibrate``."""
        from sklearn.covariance import ledoit_wolf

        features = features.astype(np.float64)
        means = np.stack([features[labels == index].mean(axis=0) for index in range(classes)])
        covariance, _ = ledoit_wolf(features - means[labels], assume_centered=True)
        whitening = np.linalg.cholesky(np.linalg.inv(covariance + 1e-6 * np.eye(len(covariance))))
        arrays = {"means": means.astype(np.float32), "whitening": whitening.astype(np.float32)}
        return cls(arrays=arrays)

    def scores(
        self, views: NDArray[np.uint8], logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> dict[str, NDArray[np.float64]]:
        """Give each score by name, shape ``(n,)`` each; higher is stranger."""
        del views
        return {
            "feature_distance": _distance(features, self.arrays["means"], self.arrays["whitening"]),
            "energy": -logsumexp(logits.astype(np.float64), axis=1),
        }

    def judge(
        self, views: NDArray[np.uint8], logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
        """Say which pictures to reject, shape ``(n,)``, and why (empty where accepted)."""
        if not self.thresholds:
            return np.zeros(len(views), bool), ("",) * len(views)
        scores = self.scores(views, logits, features)
        reasons = [""] * len(views)
        for name, limit in sorted(self.thresholds.items(), reverse=True):
            for row in np.flatnonzero(scores[name] > limit):
                reasons[row] = PHRASES[name].format(score=scores[name][row], limit=limit)
        return np.array([bool(reason) for reason in reasons], bool), tuple(reasons)

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
        except (OSError, ValueError, EOFError):
            message = f"{bundle / 'rejection.npz'} is missing or cannot be read: train the model again."
            raise UsageError(message) from None


def calibrate(scores: Mapping[str, NDArray[np.float64]], false_rejection: float) -> dict[str, float]:
    """Set one threshold per score so that all together reject at most a share of real cells.

    Each score is measured in units of its own distance between median and quantile; the largest of
    them, over the cells, then sets one common limit. The limit is a tolerance bound (Wilks 1941): with
    95% confidence at most ``false_rejection`` of unseen cells lie above it; where there are too few
    cells for that, it is the largest seen.

    Args:
        scores: of real cells that were not trained on, by name, shape ``(n,)`` each.
        false_rejection: share of real cells that may be rejected, 0..1.
    """
    middle = {name: float(np.median(values)) for name, values in scores.items()}
    spread = {
        name: max(float(np.quantile(values, 1 - false_rejection)) - middle[name], 1e-6)
        for name, values in scores.items()
    }
    strangest = np.max([(values - middle[name]) / spread[name] for name, values in scores.items()], axis=0)
    limit = np.sort(strangest)[-1 - _allowed(len(strangest), false_rejection)]
    return {name: float(np.float32(middle[name] + limit * spread[name])) for name in scores}


def _allowed(n: int, share: float) -> int:
    """Count how many of ``n`` cells may lie above the limit for it to hold with 95% confidence."""
    from scipy.stats import binom

    allowed = np.arange(max(1, int(n * share) + 1))
    held = binom.cdf(allowed, n, share) <= 1 - CONFIDENT
    return int(allowed[held].max(initial=0))


def _distance(
    features: NDArray[np.float32], means: NDArray[np.float32], whitening: NDArray[np.float32]
) -> NDArray[np.float64]:
    whitened = features.astype(np.float64) @ whitening
    centres = means.astype(np.float64) @ whitening
    squares = np.stack([((whitened - centre) ** 2).sum(axis=1) for centre in centres])
    nearest: NDArray[np.float64] = np.sqrt(squares.min(axis=0))
    return nearest
