"""A promotion is picked up without a restart, and a lost registry is no reason to stop."""

from pathlib import Path

import pytest

from giemsa.registry.promotion import move
from giemsa.serving.following import Follower
from giemsa.workspace import Workspace

NAME = "blood-cell-classifier"


def test_a_promotion_exchanges_the_model_for_the_next_request(registry: Workspace) -> None:
    follower = Follower("champion", registry)
    before = follower.current
    assert before.model.version == f"{NAME}/1"
    move(registry, NAME, action="promote", version="2", why="It is better.")
    follower.look()
    assert follower.current.model.version == f"{NAME}/2"
    assert before.predict([b"junk"])[0]["rejected"]
    assert [entry["serving"] for entry in follower.known()] == [False, True]


def test_without_a_move_the_model_is_not_loaded_again(registry: Workspace) -> None:
    follower = Follower("champion", registry)
    before = follower.current
    follower.look()
    assert follower.current is before


def test_following_goes_on_in_the_background_until_it_is_stopped(
    registry: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def failing() -> None:
        looked.append(1)
        if len(looked) == 3:
            follower._stopped.set()
        raise OSError

    monkeypatch.setattr("giemsa.serving.following.EVERY_S", 0.001)
    follower = Follower("champion", registry)
    monkeypatch.setattr(follower, "look", failing)
    follower.start()
    follower._thread.join(timeout=30)
    assert len(looked) == 3
    follower.stop()


def test_a_folder_is_served_as_it_stands(tmp_path: Path, tiny_bundle: Path) -> None:
    follower = Follower(str(tiny_bundle), Workspace(tmp_path))
    follower.start()
    assert not follower._thread.is_alive()
    follower.stop()
    assert [entry["version"] for entry in follower.known()] == [str(tiny_bundle)]
