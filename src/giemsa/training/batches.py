"""Cells for training, augmented by threads of their own while the network learns."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from giemsa.training.augmentation import augment, generator

AHEAD = 3  # batches that wait for the network
WORKERS = 2
HANDFUL = 16  # pictures that a thread takes at a time: one alone is less work than to hand it over

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Labelled:
    """Cells and what they are.

    Args:
        views: shape ``(n, size, size, 3)``, uint8, RGB.
        labels: class indices, shape ``(n,)``.
        classes: how many classes there are.
    """

    views: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: int

    def __len__(self) -> int:
        return len(self.labels)


def batches_in(cells: Labelled, batch_size: int, of: int = 1) -> int:
    """Tell how many batches one epoch of ``cells`` makes that ``of`` members share."""
    return len(cells) // _even(batch_size, cells, of)


def shuffled_batches(
    cells: Labelled, *, batch_size: int, size: int, seed: int, epoch: int, part: int = 0, of: int = 1
) -> Iterator[Batch]:
    """Give one epoch of augmented batches, all of one size, or one part of each.

    What a batch holds follows from ``(seed, epoch)`` alone.

    Args:
        cells: what to learn from.
        batch_size: cells in a batch, made even and no larger than there are cells; the rest of an epoch that
            fills none waits for another epoch.
        size: side of the pictures, in pixels.
        seed: of order and augmentation.
        epoch: counted from 1.
        part: which part of each batch, from 0.
        of: how many parts there are, of one size.

    Yields:
        Pictures, shape ``(batch, size, size, 3)``, uint8, and class indices, shape ``(batch,)``; ``batch`` is
        that of the part.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(cells))
    whole = _even(batch_size, cells, of)
    own = whole // of
    starts = range(part * own, batches_in(cells, batch_size, of) * whole, whole)

    def augmented(rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return np.stack([augment(cells.views[row], size, generator(seed, epoch, int(row))) for row in rows])

    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[tuple[NDArray[np.int64], list[Future[NDArray[np.uint8]]]]] = deque()
        for start in starts:
            rows = order[start : start + own]
            handfuls = (rows[first : first + HANDFUL] for first in range(0, own, HANDFUL))
            waiting.append((rows, [pool.submit(augmented, handful) for handful in handfuls]))
            if len(waiting) > AHEAD:
                yield _ready(*waiting.popleft(), cells)
        while waiting:
            yield _ready(*waiting.popleft(), cells)


def _even(batch_size: int, cells: Labelled, of: int) -> int:
    """Make parts of one size: two threads share a batch, or the members of a team."""
    parts = max(2, of)
    return max(parts, min(batch_size, len(cells)) // parts * parts)


def _ready(rows: NDArray[np.int64], handfuls: list[Future[NDArray[np.uint8]]], cells: Labelled) -> Batch:
    return np.concatenate([handful.result() for handful in handfuls]), cells.labels[rows]
