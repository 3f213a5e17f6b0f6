"""Tell whether new images come from another distribution than the ones a model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from giemsa.data.manifest import PROPERTIES
from giemsa.settings import Watch

PREDICTED = "predicted"
BINS = 10


@dataclass(frozen=True)
class Shift:
    """How far one property of the images has moved.

    Args:
        name: a property of the images, or ``predicted`` for the classes that a model finds.
        psi: population stability index, 0 where both distributions are equal; 0.2 is a large shift.
        p_value: of a Kolmogorov-Smirnov test (a chi-squared test for classes), corrected for the number of
            properties after Benjamini and Hochberg.
        drifted: whether the shift is both large and significant.
    """

    name: str
    psi: float
    p_value: float
    drifted: bool


def shifts(reference: pd.DataFrame, new: pd.DataFrame, watch: Watch) -> tuple[Shift, ...]:
    """Compare new images with the reference, property by property.

    A shift counts where it is large (PSI) and significant (p-value): with many images every difference is
    significant, with few images the PSI is large by chance alone.

    Args:
        reference: columns of ``PROPERTIES`` and, where a model can tell, ``predicted``.
        new: the same columns.
        watch: from where on a shift is large and significant, and how many images it takes to say so.

    Returns:
        One shift for each column that both have; none where either has fewer rows than it takes.
    """
    if min(len(reference), len(new)) < watch.drift_images:
        return ()
    found = [
        (name, *_numbers_moved(reference[name].to_numpy(float), new[name].to_numpy(float)))
        for name in PROPERTIES
    ]
    if PREDICTED in reference and PREDICTED in new:
        found.append((PREDICTED, *_classes_moved(list(reference[PREDICTED]), list(new[PREDICTED]))))
    corrected = stats.false_discovery_control([p_value for _, _, p_value in found])
    return tuple(
        Shift(name, psi, float(p_value), psi >= watch.psi and float(p_value) <= watch.significance)
        for (name, psi, _), p_value in zip(found, corrected, strict=True)
    )


def population_stability_index(reference: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    """Compare counts per bin; symmetric, 0 for equal shares.

    Half a count is added to each bin, so that an empty one stays finite.
    """
    expected = (reference + 0.5) / (reference + 0.5).sum()
    actual = (new + 0.5) / (new + 0.5).sum()
    return float(((actual - expected) * np.log(actual / expected)).sum())


def _numbers_moved(reference: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float]:
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
    if inner[0] == reference.min():  # many equal lowest values: what lies below them is a bin of its own
        inner = np.insert(inner, 0, np.nextafter(inner[0], -np.inf))
    counts = [
        np.bincount(np.searchsorted(inner, values), minlength=len(inner) + 1) for values in (reference, new)
    ]
    return population_stability_index(*counts), float(stats.ks_2samp(reference, new).pvalue)


def _classes_moved(reference: Sequence[str], new: Sequence[str]) -> tuple[float, float]:
    classes = sorted({*reference, *new})
    counts = [np.array([labels.count(name) for name in classes]) for labels in (reference, new)]
    if len(classes) == 1:
        return 0.0, 1.0
    return population_stability_index(*counts), float(stats.chi2_contingency(np.stack(counts)).pvalue)
