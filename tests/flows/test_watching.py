"""What is reason enough to retrain, and what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flows.watching import key_of, reasons
from giemsa.settings import Watch

WATCH = Watch(new_images=200, max_age_days=90.0, drift_images=50, psi=0.2, significance=0.01)
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def report(**found: Any) -> dict[str, Any]:
    return {"images": 0, "new": 0, "digest": "", "champion": None, "drifted": False, "shifts": []} | found


def test_an_empty_inbox_without_a_champion_is_no_reason() -> None:
    assert reasons(report(), WATCH, NOW) == {}


def test_enough_new_images_are_a_reason_and_one_fewer_is_not() -> None:
    assert reasons(report(new=199), WATCH, NOW) == {}
    assert reasons(report(new=200), WATCH, NOW) == {"new-images": "200 new images wait (200 are enough)."}


def test_drift_is_a_reason_that_names_what_moved() -> None:
    shifts = [
        {"name": "brightness", "psi": 0.5, "p_value": 0.0, "drifted": True},
        {"name": "contrast", "psi": 0.1, "p_value": 0.4, "drifted": False},
    ]
    found = reasons(report(new=60, shifts=shifts), WATCH, NOW)
    assert found == {"drift": "New images differ from the cells to train on in brightness (PSI 0.50)."}


def test_a_champion_ages_and_says_so_once_in_each_period() -> None:
    def aged(days: int) -> dict[str, str]:
        since = (NOW - timedelta(days=days)).isoformat()
        return reasons(report(champion={"version": "3", "since": since}), WATCH, NOW)

    assert aged(89) == {}
    assert aged(91) == {"champion-3-1": "Version 3 has been champion for 91 days."}
    assert list(aged(91)) == list(aged(170)) != list(aged(185))


def test_new_images_are_acted_upon_once_and_do_not_make_an_old_champion_older() -> None:
    waiting, others = ({"new-images": "…", "champion-3-1": "…"}, {"champion-3-1": "…"})
    assert key_of(waiting, report(digest="a")) == key_of(waiting, report(digest="a"))
    assert key_of(waiting, report(digest="a")) != key_of(waiting, report(digest="b"))
    assert key_of(others, report(digest="a")) == key_of(others, report(digest="b"))
