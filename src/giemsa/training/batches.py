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


def batches_in(cells: Labelled, batch_size: int) -> int:
    """Tell how many batches one epoch of ``cells`` makes."""
    return len(cells) // _even(batch_size, cells)


def shuffled_batches(
    cells: Labelled, *, batch_size: int, size: int, seed: int, epoch: int
) -> Iterator[Batch]:
    """Give one epoch of augmented batches, all of one size.

    What a batch holds follows from ``(seed, epoch)`` alone.

    Args:
        cells: what to learn from.
        batch_size: cells in a batch, made even and no larger than there are cells; the rest of an epoch that
            fills none waits for another epoch.
        size: side of the pictures, in pixels.
        seed: of order and augmentation.
        epoch: counted from 1.

    Yields:
        Pictures, shape ``(batch, size, size, 3)``, uint8, and class indices, shape ``(batch,)``.
    """
    order = np.random.default_rng((seed, epoch)).permutation(len(cells))
    batch_size = _even(batch_size, cells)
    starts = range(0, batches_in(cells, batch_size) * batch_size, batch_size)

    def picture(row: int) -> NDArray[np.uint8]:
        return augment(cells.views[row], size, generator(seed, epoch, row))

    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[tuple[NDArray[np.int64], list[Future[NDArray[np.uint8]]]]] = deque()
        for start in starts:
            rows = order[start : start + batch_size]
            waiting.append((rows, [pool.submit(picture, int(row)) for row in rows]))
            if len(waiting) > AHEAD:
                yield _ready(*waiting.popleft(), cells)
        while waiting:
            yield _ready(*waiting.popleft(), cells)


def _even(batch_size: int, cells: Labelled) -> int:
    """Two threads share a batch."""
    return max(2, min(batch_size, len(cells)) // 2 * 2)


def _ready(rows: NDArray[np.int64], pictures: list[Future[NDArray[np.uint8]]], cells: Labelled) -> Batch:
    return np.stack([picture.result() for picture in pictures]), cells.labels[rows]
