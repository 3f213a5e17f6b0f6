from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giemsa.curation import neighbours
from giemsa.curation.neighbours import pairs_within


@pytest.fixture(scope="module", autouse=True, params=[0, 6, neighbours.FEW])
def few(request: pytest.FixtureRequest) -> Iterator[None]:
    """By tables alone, by tables or directly as it comes, and directly alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "FEW", request.param)
        yield


def brute(hashes: list[int], queries: list[int], radius: int) -> list[tuple[int, int]]:
    return [
        (left, right)
        for left, query in enumerate(queries)
        for right, value in enumerate(hashes)
        if (query ^ value).bit_count() <= radius
    ]


def found(hashes: list[int], queries: list[int], radius: int) -> list[tuple[int, int]]:
    left, right = pairs_within(np.array(hashes, np.uint64), np.array(queries, np.uint64), radius)
    return list(zip(left.tolist(), right.tolist(), strict=True))


@st.composite
def near_hashes(draw: st.DrawFn) -> list[int]:
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = draw(st.lists(st.sets(st.integers(0, 63), max_size=14), max_size=12))
    return [centres[n % len(centres)] ^ sum(1 << bit for bit in flip) for n, flip in enumerate(flips)]


@given(near_hashes(), near_hashes(), st.integers(0, 14))
@settings(deadline=None, max_examples=60)
def test_all_pairs_within_the_radius_are_found_and_no_other(
    hashes: list[int], queries: list[int], radius: int
) -> None:
    assert found(hashes, queries, radius) == brute(hashes, queries, radius)


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 8, 63, 64])
def test_every_radius_agrees_with_brute_force(radius: int) -> None:
    random = np.random.default_rng(radius)
    hashes = [int(value) for value in random.integers(0, 2**64, 30, dtype=np.uint64)]
    hashes += [value ^ (1 << int(random.integers(64))) for value in hashes]
    if radius == 63:  # as many masks as there are pairs of bits: one query is enough
        hashes = hashes[:3]
    assert found(hashes, hashes, radius) == brute(hashes, hashes, radius)


def test_many_matches_are_handed_out_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "AT_ONCE", 7)
    hashes = [5, 5, 5, 7, 5 ^ (1 << 40), 12]
    assert found(hashes, hashes, 2) == brute(hashes, hashes, 2)


def test_nothing_among_nothing() -> None:
    assert found([], [], 8) == []


@pytest.mark.parametrize("radius", [-1, 65])
def test_a_radius_that_no_64_bits_have_is_refused(radius: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        found([1], [1], radius)
