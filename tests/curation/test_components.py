import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from giemsa.curation.components import components


def rows(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(numbers, dtype=np.int64)


def test_a_chain_is_one_component_named_by_its_smallest_row() -> None:
    assert components(rows(4, 3, 2), rows(3, 2, 1), 6).tolist() == [0, 1, 1, 1, 1, 5]


def test_without_links_every_row_stands_alone() -> None:
    assert components(rows(), rows(), 3).tolist() == [0, 1, 2]
    assert components(rows(), rows(), 0).tolist() == []


@given(
    st.integers(1, 30).flatmap(
        lambda size: st.tuples(
            st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
        )
    )
)
def test_components_are_those_of_scipy(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, links = graph
    left, right = np.array(links, dtype=np.int64).reshape(-1, 2).T
    _, known = connected_components(
        coo_array((np.ones(len(links)), (left, right)), shape=(size, size)), directed=False
    )
    found = components(left, right, size)
    assert np.array_equal(found[:, None] == found, known[:, None] == known)
    assert (found <= np.arange(size)).all()
