import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from giemsa.curation.drift import Shift, population_stability_index, shifts
from giemsa.data.manifest import PROPERTIES
from giemsa.settings import Watch

WATCH = Watch(new_images=200, max_age_days=90.0, drift_images=50, psi=0.2, significance=0.01)
COUNTS = arrays(np.int64, 8, elements=st.integers(0, 1000))


def images(count: int, seed: int, **moved: float) -> pd.DataFrame:
    """Properties of images, some moved by a number of standard deviations."""
    random = np.random.default_rng(seed)
    columns = {name: random.normal(0.5 + 0.1 * moved.get(name, 0), 0.1, count) for name in PROPERTIES}
    return pd.DataFrame(columns | {"predicted": random.choice(["monocyte", "platelet"], count)})


def by_name(found: tuple[Shift, ...]) -> dict[str, Shift]:
    return {shift.name: shift for shift in found}


@given(COUNTS, COUNTS)
def test_the_index_is_zero_for_equal_shares_symmetric_and_never_negative(
    first: np.ndarray, second: np.ndarray
) -> None:
    assert population_stability_index(first, first) == pytest.approx(0)
    assert population_stability_index(first, second) >= 0
    assert population_stability_index(first, second) == pytest.approx(
        population_stability_index(second, first)
    )


def test_the_index_is_as_in_the_textbook() -> None:
    # Shares of 0.5/0.5 against 0.8/0.2: 0.3 ln(1.6) + 0.3 ln(2.5), the half counts being too small to see.
    many = 10**9
    found = population_stability_index(np.array([5, 5]) * many, np.array([8, 2]) * many)
    assert found == pytest.approx(0.3 * np.log(1.6) + 0.3 * np.log(2.5))


def test_images_of_the_same_kind_have_not_drifted() -> None:
    assert not any(shift.drifted for shift in shifts(images(1000, 1), images(100, 2), WATCH))


def test_false_alarms_are_rare_even_with_few_images() -> None:
    alarms = [
        any(shift.drifted for shift in shifts(images(1000, 1), images(50, seed), WATCH))
        for seed in range(2, 102)
    ]
    assert sum(alarms) <= 2


def test_darker_images_have_drifted_and_only_in_that() -> None:
    found = by_name(shifts(images(1000, 1), images(60, 2, brightness=-1.0), WATCH))
    assert [name for name, shift in found.items() if shift.drifted] == ["brightness"]


@pytest.mark.parametrize("moved", [-0.2, 0.2])
def test_leaving_a_value_that_all_had_is_drift_either_way(moved: float) -> None:
    grey = images(1000, 1).assign(saturation=0.5)
    assert not by_name(shifts(grey, images(60, 2).assign(saturation=0.5), WATCH))["saturation"].drifted
    assert by_name(shifts(grey, images(60, 2).assign(saturation=0.5 + moved), WATCH))["saturation"].drifted


def test_another_mixture_of_classes_is_drift() -> None:
    new = images(100, 2).assign(predicted=["platelet"] * 95 + ["monocyte"] * 5)
    assert by_name(shifts(images(1000, 1), new, WATCH))["predicted"].drifted


def test_a_class_that_the_reference_never_held_is_seen() -> None:
    new = images(100, 2).assign(predicted=["basophil"] * 30 + ["monocyte"] * 35 + ["platelet"] * 35)
    assert by_name(shifts(images(1000, 1), new, WATCH))["predicted"].drifted


def test_a_significant_shift_that_is_small_does_not_count() -> None:
    found = by_name(shifts(images(20000, 1), images(20000, 2, contrast=0.1), WATCH))
    assert found["contrast"].p_value < WATCH.significance
    assert not found["contrast"].drifted


def test_a_property_that_never_varied_is_compared_too() -> None:
    constant = images(100, 1).assign(sharpness=0.25)
    assert not by_name(shifts(constant, constant, WATCH))["sharpness"].drifted
    assert by_name(shifts(constant, constant.assign(sharpness=0.5), WATCH))["sharpness"].drifted


def test_one_class_alone_cannot_drift() -> None:
    alike = images(100, 1).assign(predicted="platelet")
    assert by_name(shifts(alike, alike, WATCH))["predicted"].psi == 0


def test_too_few_images_say_nothing() -> None:
    assert shifts(images(1000, 1), images(49, 2, brightness=-3.0), WATCH) == ()


def test_without_a_model_only_the_pictures_are_compared() -> None:
    found = shifts(images(100, 1).drop(columns="predicted"), images(100, 2), WATCH)
    assert [shift.name for shift in found] == list(PROPERTIES)
