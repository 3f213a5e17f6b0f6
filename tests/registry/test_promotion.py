"""Every move of an alias is entered once, and can be taken back."""

import pytest

from giemsa.errors import UsageError
from giemsa.registry.connection import connect
from giemsa.registry.promotion import OvertakenError, history, move, roll_back
from giemsa.registry.versions import aliases
from giemsa.workspace import Workspace

NAME = "cells"


@pytest.fixture
def registry(workspace: Workspace) -> Workspace:
    """Three empty versions, of which none is champion yet."""
    client = connect(workspace)
    client.create_registered_model(NAME)
    for _ in range(3):
        client.create_model_version(NAME, (workspace.root / "mlartifacts").as_uri())
    return workspace


def promote(workspace: Workspace, version: str, event: str = "") -> None:
    move(workspace, NAME, action="promote", version=version, why="It is better.", event=event)


def test_a_promotion_moves_the_alias_and_is_entered_with_who_when_and_why(registry: Workspace) -> None:
    promote(registry, "1")
    promote(registry, "2")
    assert aliases(connect(registry), NAME) == {"champion": "2"}
    first, second = history(registry, NAME)
    assert (first.before, second.before) == ("", "1")
    assert second.why == "It is better."
    assert "@" in second.who
    assert second.when.endswith("+00:00")


def test_a_promoted_challenger_is_no_longer_challenger(registry: Workspace) -> None:
    move(registry, NAME, action="challenge", version="1", why="Not better.")
    assert aliases(connect(registry), NAME) == {"challenger": "1"}
    promote(registry, "1")
    assert aliases(connect(registry), NAME) == {"champion": "1"}


def test_a_decision_is_carried_out_once_even_when_it_comes_again(registry: Workspace) -> None:
    promote(registry, "1", event="a")
    promote(registry, "2", event="b")
    promote(registry, "1", event="a")
    assert aliases(connect(registry), NAME) == {"champion": "2"}
    assert len(history(registry, NAME)) == 2


def test_a_move_that_was_killed_before_the_alias_is_finished(registry: Workspace) -> None:
    promote(registry, "1", event="a")
    connect(registry).delete_registered_model_alias(NAME, "champion")
    promote(registry, "1", event="a")
    assert aliases(connect(registry), NAME) == {"champion": "1"}
    assert len(history(registry, NAME)) == 1


def test_rolling_back_walks_back_through_the_champions(registry: Workspace) -> None:
    for version in ("1", "2", "3"):
        promote(registry, version)
    assert roll_back(registry, NAME, "It misses blasts.").version == "2"
    assert roll_back(registry, NAME, "So does this one.").version == "1"
    assert aliases(connect(registry), NAME) == {"champion": "1"}
    assert [entry.action for entry in history(registry, NAME)] == ["promote"] * 3 + ["rollback"] * 2
    with pytest.raises(UsageError, match="had no champion before"):
        roll_back(registry, NAME, "Nor is this one good.")


def test_what_was_promoted_twice_is_still_rolled_back(registry: Workspace) -> None:
    for version in ("1", "2", "2"):
        promote(registry, version)
    assert roll_back(registry, NAME, "It misses blasts.").version == "1"
    assert aliases(connect(registry), NAME) == {"champion": "1"}


def test_a_champion_whose_version_was_deleted_is_passed_over(registry: Workspace) -> None:
    for version in ("1", "2", "3"):
        promote(registry, version)
    connect(registry).delete_model_version(NAME, "2")
    with pytest.raises(UsageError, match="had no champion before"):
        roll_back(registry, NAME, "It misses blasts.")
    with pytest.raises(UsageError):
        promote(registry, "2")
    assert len(history(registry, NAME)) == 3


def test_a_decision_against_another_champion_is_not_carried_out(registry: Workspace) -> None:
    promote(registry, "1")
    promote(registry, "2")
    with pytest.raises(OvertakenError, match="decide again"):
        move(registry, NAME, action="promote", version="3", why="Better than 1.", against="1")
    assert aliases(connect(registry), NAME) == {"champion": "2"}
    assert len(history(registry, NAME)) == 2


def test_a_registry_without_the_model_has_no_history(workspace: Workspace) -> None:
    assert history(workspace, NAME) == []
