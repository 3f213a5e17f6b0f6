"""Work is spread over threads in order and in bounded memory; what Ray lacks is said in one sentence."""

import sys
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giemsa.engine import connect, fetch, spread
from giemsa.errors import UsageError


def squares(items: list[int], workers: int, ahead: int) -> list[int]:
    return list(spread(lambda x: x * x, items, engine="local", workers=workers, ahead=ahead))


@given(st.lists(st.integers()), st.integers(1, 4), st.integers(1, 9))
def test_every_item_gives_one_result_in_its_place(items: list[int], workers: int, ahead: int) -> None:
    assert squares(items, workers, ahead) == [item * item for item in items]


@given(st.integers(1, 4), st.integers(1, 20))
def test_no_more_is_taken_than_may_wait(workers: int, ahead: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    next(spread(abs, items(), engine="local", workers=workers, ahead=ahead))
    assert taken <= workers * ahead


def test_each_worker_is_prepared_before_its_work() -> None:
    prepared: list[str] = []
    results = spread(
        lambda _: bool(prepared),
        range(8),
        engine="local",
        workers=2,
        ahead=2,
        prepare=lambda: prepared.append("now"),
    )
    assert all(results)
    assert 1 <= len(prepared) <= 2


def test_what_goes_wrong_with_an_item_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda x: 1 // x, [1, 0], engine="local", workers=1, ahead=1))


def test_ray_that_is_not_installed_is_named_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="is not installed"):
        next(spread(abs, [1], engine="ray", workers=1, ahead=1))


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def refuse(*_: object, **__: object) -> None:
        message = "Failed to connect to GCS.\nHere is a long story."
        raise ConnectionError(message)

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UsageError, match=r"at 127.0.0.1:1 \(Failed to connect to GCS\): see") as caught:
        connect()
    assert "\n" not in str(caught.value)


def test_a_cluster_that_breaks_down_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    monkeypatch.setattr(ray, "get", Mock(side_effect=ray.exceptions.NodeDiedError("gone")))
    with pytest.raises(UsageError, match="The Ray cluster broke down"):
        fetch(None)
