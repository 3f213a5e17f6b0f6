from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from giemsa.curation.comparisons import memory_file, remembered


def texts(names: str) -> pa.Array:
    return pa.array(list(names), pa.large_string())


def halves(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    return (rows / 2).astype(np.float32)


def test_only_new_pairs_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "memory" / "known.parquet"
    assert remembered(file, texts("ab"), halves).tolist() == [0, 0.5]
    compare = Mock(return_value=np.array([0.25], np.float32))
    assert remembered(file, texts("bca"), compare).tolist() == [0.5, 0.25, 0]
    (rows,) = compare.call_args.args
    assert rows.tolist() == [1]


def test_pairs_that_are_no_longer_asked_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "known.parquet"
    remembered(file, texts("ab"), halves)
    remembered(file, texts("b"), halves)
    compare = Mock(side_effect=halves)
    remembered(file, texts("a"), compare)
    assert compare.call_args.args[0].tolist() == [0]


def test_without_a_file_everything_is_compared_and_nothing_written(tmp_path: Path) -> None:
    assert remembered(None, texts("abc"), halves).tolist() == [0, 0.5, 1]
    assert list(tmp_path.iterdir()) == []


def test_no_pairs_are_no_trouble(tmp_path: Path) -> None:
    for _ in range(2):
        assert remembered(tmp_path / "known.parquet", texts(""), halves).size == 0


def test_other_ways_to_compare_have_another_memory(tmp_path: Path) -> None:
    assert memory_file(tmp_path, symmetries=True) != memory_file(tmp_path, symmetries=False)
