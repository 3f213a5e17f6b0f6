from collections.abc import Iterable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from giemsa.curation import neighbourhoods as module
from giemsa.curation.nearest import improve, nearest
from giemsa.curation.neighbourhoods import remembered_nearest, remembered_pairs
from giemsa.curation.neighbours import Hashes, pairs_within


def vectors(size: int, *, levels: int = 256, length: int = 171) -> NDArray[np.float32]:
    random = np.random.default_rng(size)
    return random.integers(0, levels, (size, length)).astype(np.float32)


def names(size: int) -> list[str]:
    return [f"{number:04}" for number in range(size)]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.sets(st.integers(0, 39), min_size=0), min_size=2, max_size=4),
    count=st.integers(1, 9),
)
def test_whatever_comes_and_goes_the_same_is_found_as_without_a_memory(
    tmp_path: Path, times: list[set[int]], count: int
) -> None:
    every = vectors(40, levels=3, length=3)  # many at the same distance
    file = tmp_path / "known.parquet"
    file.unlink(missing_ok=True)
    for there in times:
        rows = sorted(there)
        found = remembered_nearest(file, [names(40)[row] for row in rows], every[rows], count)
        for remembered, fresh in zip(found, nearest(every[rows], count), strict=True):
            np.testing.assert_array_equal(remembered, fresh)


def test_old_vectors_are_compared_with_new_ones_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every, file = vectors(100), tmp_path / "known.parquet"
    remembered_nearest(file, names(98), every[:98], 4)
    searching = Mock(side_effect=improve)
    monkeypatch.setattr(module, "improve", searching)
    remembered_nearest(file, names(100), every, 4)
    *_, searches = searching.call_args.args
    assert [(len(asking), len(cell)) for asking, cell in searches] == [(2, 100), (98, 2)]
    remembered_nearest(file, names(100), every, 4)
    *_, searches = searching.call_args.args
    assert searches == []


def test_distances_do_not_depend_on_the_block_in_which_they_are_computed(tmp_path: Path) -> None:
    every = vectors(1500)
    _, together = remembered_nearest(None, (), every, 3)
    file = tmp_path / "known.parquet"
    for size in (700, 1499, 1500):
        _, grown = remembered_nearest(file, names(size), every[:size], 3)
    np.testing.assert_array_equal(grown, together)
    assert (together == np.rint(together)).all()


def test_beyond_the_limit_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_UP_TO", 10)
    remembered_nearest(tmp_path / "known.parquet", names(11), vectors(11), 3)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(
        st.tuples(st.sets(st.integers(0, 63)), st.sets(st.integers(0, 63))), min_size=2, max_size=4
    ),
    radius=st.integers(0, 3),
)
def test_whatever_hashes_come_and_go_the_same_pairs_are_found_as_without_a_memory(
    tmp_path: Path, times: list[tuple[set[int], set[int]]], radius: int
) -> None:
    file = tmp_path / "known.parquet"
    file.unlink(missing_ok=True)
    for there, more in times:
        known, asked = hashes(there), hashes(there | more)
        remembered = remembered_pairs(file, known, asked, radius)
        for found, fresh in zip(remembered, pairs_within(known, asked, radius), strict=True):
            np.testing.assert_array_equal(found, fresh)


def test_old_hashes_are_compared_with_new_ones_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "known.parquet"
    remembered_pairs(file, hashes(range(50)), hashes(range(60)), 2)
    searching = Mock(side_effect=pairs_within)
    monkeypatch.setattr(module, "pairs_within", searching)
    remembered_pairs(file, hashes(range(52)), hashes(range(63)), 2)
    # All with the three queries that are new; the two hashes that are new with the queries of before.
    assert [[len(each) for each in call.args[:2]] for call in searching.call_args_list] == [[52, 3], [2, 60]]


def hashes(values: Iterable[int]) -> Hashes:
    return np.array(sorted(values), dtype=np.uint64)
