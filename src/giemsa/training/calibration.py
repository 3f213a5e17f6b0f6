"""Probabilities that mean what they say: temperature scaling and the measures of calibration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax as _log_softmax
from scipy.special import softmax as _softmax

TEMPERATURES = (0.05, 20.0)
BINS = 15


@dataclass(frozen=True)
class Reliability:
    """How often answers of each confidence were right, for a reliability diagram.

    Args:
        confidence: mean confidence of each bin that holds cells, 0..1.
        accuracy: share of right answers in it, 0..1.
        count: cells in it.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]


def softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Turn logits, shape ``(n, classes)``, into probabilities that sum to 1 in each row."""
    probabilities: NDArray[np.float64] = _softmax(logits.astype(np.float64) / temperature, axis=1)
    return probabilities


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Find the temperature with the least negative log-likelihood (Guo et al. 2017, temperature scaling).

    Dividing logits by one number changes no answer, only how confident it is. Where every answer is right,
    the likelihood grows without end as the temperature falls, whatever the chance of an error on the next
    cell; one more cell, of which the network is as sure as of the middle one, then counts as wrong (after
    Platt 1999, and Laplace's rule of succession: one error in n + 1).

    Args:
        logits: of cells that were not trained on, shape ``(n, classes)``.
        labels: true class indices, shape ``(n,)``.

    Returns:
        A number in 0.05..20; above 1 where the network was too confident.
    """
    if (logits.argmax(axis=1) == labels).all():
        ranked = np.sort(logits, axis=1)
        middle = np.argsort(ranked[:, -1] - ranked[:, -2])[len(logits) // 2]
        logits = np.concatenate([logits, logits[middle : middle + 1]])
        labels = np.append(labels, logits[middle].argsort()[-2])
    best = minimize_scalar(
        lambda log_temperature: negative_log_likelihood(logits, labels, float(np.exp(log_temperature))),
        bounds=tuple(np.log(TEMPERATURES)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(best.x))


def negative_log_likelihood(
    logits: NDArray[np.floating], labels: NDArray[np.integer], temperature: float
) -> float:
    """Give the mean negative log-likelihood of the true classes at a temperature, in nats."""
    logs = _log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-logs[np.arange(len(labels)), labels].mean())


def bin_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give each confidence's bin, of ``BINS`` equally wide ones over 0..1 that include their upper edge."""
    return np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)


def reliability(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> Reliability:
    """Compare confidence with accuracy, bin by bin; empty bins are left out."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    bins = bin_of(confidence)
    count = np.bincount(bins, minlength=BINS)
    held = count > 0
    mean = [np.bincount(bins, values, BINS)[held] / count[held] for values in (confidence, right)]
    return Reliability(confidence=mean[0], accuracy=mean[1], count=count[held])
