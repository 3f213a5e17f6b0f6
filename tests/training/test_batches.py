"""Batches are the same whenever they are drawn, and every cell is served."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from giemsa.training.batches import Labelled, batches_in, shuffled_batches


def _cells(number: int) -> Labelled:
    views = np.random.default_rng(0).integers(0, 256, (number, 16, 16, 3), dtype=np.uint8)
    return Labelled(views, np.arange(number, dtype=np.int64), number)


def test_one_epoch_serves_every_cell_once() -> None:
    served = [labels for _, labels in shuffled_batches(_cells(24), batch_size=8, size=16, seed=1, epoch=1)]
    assert sorted(np.concatenate(served).tolist()) == list(range(24))


def test_what_is_left_over_differs_between_epochs() -> None:
    def served(epoch: int) -> set[int]:
        batches = shuffled_batches(_cells(11), batch_size=8, size=16, seed=1, epoch=epoch)
        return set(np.concatenate([labels for _, labels in batches]).tolist())

    assert len(served(1)) == 8
    assert set.union(*(served(epoch) for epoch in range(1, 9))) == set(range(11))


def test_the_same_epoch_is_the_same_batches() -> None:
    def drawn() -> list[np.ndarray]:
        return [p for p, _ in shuffled_batches(_cells(32), batch_size=8, size=12, seed=3, epoch=2)]

    assert np.array_equal(drawn(), drawn())


def test_pictures_come_in_the_asked_size() -> None:
    pictures, labels = next(iter(shuffled_batches(_cells(8), batch_size=4, size=24, seed=1, epoch=1)))
    assert pictures.shape == (4, 24, 24, 3)
    assert labels.shape == (4,)


@settings(max_examples=40, deadline=None)
@given(cells=st.integers(2, 40), batch_size=st.integers(1, 64))
def test_every_batch_has_one_even_size(cells: int, batch_size: int) -> None:
    batches = list(shuffled_batches(_cells(cells), batch_size=batch_size, size=8, seed=1, epoch=1))
    sizes = {len(labels) for _, labels in batches}
    assert len(batches) == batches_in(_cells(cells), batch_size) >= 1
    assert len(sizes) == 1
    assert sizes.pop() % 2 == 0
