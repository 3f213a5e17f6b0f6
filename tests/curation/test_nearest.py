import numpy as np
import pytest

from giemsa.curation import nearest as module
from giemsa.curation.nearest import nearest


def test_neighbours_come_nearest_first_without_the_vector_itself() -> None:
    line = np.array([[0], [1], [3], [7]], np.float32)
    rows, apart = nearest(line, 2)
    assert rows.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert apart.tolist() == [[1, 9], [1, 4], [4, 9], [16, 36]]


@pytest.mark.parametrize(("vectors", "found"), [(0, 0), (1, 0), (3, 2)])
def test_few_vectors_have_fewer_neighbours(vectors: int, found: int) -> None:
    rows, apart = nearest(np.eye(vectors, 5, dtype=np.float32), 4)
    assert rows.shape == apart.shape == (vectors, found)


def test_equal_vectors_are_neighbours_by_row() -> None:
    rows, apart = nearest(np.zeros((4, 2), np.float32), 2)
    assert rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]
    assert not apart.any()


def test_beyond_the_limit_close_pairs_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(3000, 8)).astype(np.float32)
    vectors[1500:] = vectors[:1500] + random.normal(scale=0.01, size=(1500, 8))
    monkeypatch.setattr(module, "EXACT_UP_TO", 100)
    monkeypatch.setattr(module, "PER_CELL", 150)
    rows, apart = nearest(vectors, 3)
    partner = (np.arange(3000) + 1500) % 3000
    assert (rows[:, 0] == partner).mean() > 0.99
    assert (rows != np.arange(3000)[:, np.newaxis])[np.isfinite(apart)].all()
