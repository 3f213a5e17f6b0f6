"""How sure a figure is: percentile bootstrap over groups, of copies or of a patient's cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.evaluation.metrics import measure

BLOCK_ELEMENTS = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; NaN where the data do not tell."""

    value: float
    low: float
    high: float


def resampled(groups: Sequence[str], *, resamples: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Draw bootstrap resamples of whole groups, as counts of each cell.

    Cells of one group are copies of one another: drawing them apart would make figures look surer than they
    are (Field and Welsh 2007, cluster bootstrap).

    Args:
        groups: each cell's group.
        resamples: how many resamples in all.
        seed: of the draw; the same seed gives the same resamples for every model, hence paired differences.

    Yields:
        Blocks of shape ``(r, n)`` that a machine's memory can hold, ``resamples`` rows in all.
    """
    _, member_of = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    count = int(member_of.max(initial=-1)) + 1
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_ELEMENTS // max(1, len(member_of)))
    for start in range(0, resamples, block):
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(block, resamples - start))
        yield drawn.astype(np.float32)[:, member_of]


def interval(value: float, draws: NDArray[np.float64], confidence: float) -> Estimate:
    """Put the central ``confidence`` share of bootstrap draws around a value."""
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


def estimate(
    labels: NDArray[np.integer],
    groups: Sequence[str],
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> dict[str, Estimate]:
    """Give every measure of ``metrics.measure`` with its bootstrap interval by group."""
    values = measure(labels, probabilities, classes)
    draws = gather(
        measure(labels, probabilities, classes, weights)
        for weights in resampled(groups, resamples=resamples, seed=seed)
    )
    return {name: interval(float(value[0]), draws[name], confidence) for name, value in values.items()}


def gather(blocks: Iterator[Mapping[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    """Join blocks of draws, name by name."""
    parts = list(blocks)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
