import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, get_args

import pytest

from giemsa.curation.quality import Quality, check, lean_imports
from giemsa.curation.quality_page import histograms, report
from giemsa.data.manifest import SCHEMA
from giemsa.settings import RuleName
from tests.curation.manifests import LIMITS, manifest


def states(quality: Quality) -> dict[str, bool]:
    return {finding.rule: finding.passed for finding in quality.findings}


def broken(quality: Quality) -> set[str]:
    return {rule for rule, passed in states(quality).items() if not passed}


TWO_CLASSES = ["monocyte"] * 10 + ["platelet"] * 10


def test_a_good_manifest_passes_every_rule() -> None:
    quality = check(manifest(TWO_CLASSES), LIMITS)
    assert broken(quality) == set()
    assert quality.broken == ()


def test_there_is_one_rule_for_every_name_that_params_may_call_critical() -> None:
    assert [finding.rule for finding in check(manifest(TWO_CLASSES), LIMITS).findings] == list(
        get_args(RuleName)
    )


def test_the_test_manifest_has_the_columns_of_a_real_one() -> None:
    assert list(manifest(TWO_CLASSES).columns) == SCHEMA.names


def test_one_class_only_is_critical() -> None:
    quality = check(manifest(["monocyte"] * 20), LIMITS)
    assert [(finding.rule, finding.observed) for finding in quality.broken] == [("classes", "1 class")]


def test_a_small_class_is_named_with_its_count() -> None:
    quality = check(manifest(["monocyte"] * 10 + ["platelet"] * 3), LIMITS)
    assert [(finding.rule, finding.observed) for finding in quality.broken] == [
        ("count_per_class", "too small: platelet with 3")
    ]


def test_unreadable_images_do_not_count_for_their_class() -> None:
    readable = [True] * 14 + [False] * 6
    quality = check(manifest(TWO_CLASSES, readable=readable), LIMITS)
    assert {finding.rule for finding in quality.broken} == {"count_per_class", "readability"}
    assert quality.as_json()["classes"] == {"monocyte": 10, "platelet": 4}


def test_a_few_unreadable_files_are_listed_and_the_run_goes_on() -> None:
    readable = [False] + [True] * 19
    reasons = ["truncated"] + [None] * 19
    quality = check(manifest(TWO_CLASSES, readable=readable, reason=reasons), LIMITS)
    assert quality.broken == ()
    assert quality.unreadable == [("first/monocyte/0.png", "truncated")]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("brightness", 0.05, "brightness"),
        ("brightness", 0.99, "brightness"),
        ("sharpness", 0.0, "sharpness"),
        ("height", 20, "sizes"),
        ("mode", "L", "modes"),
        ("label", None, "labels"),
    ],
)
def test_a_range_allows_a_share_of_images_outside_and_no_more(column: str, value: Any, rule: str) -> None:
    one, two = manifest(TWO_CLASSES), manifest(TWO_CLASSES)
    one.loc[0, column] = value
    two.loc[[0, 1], column] = value
    assert broken(check(one, LIMITS)) == set()
    assert broken(check(two, LIMITS)) == {rule}


def test_a_path_that_stands_twice_breaks_the_schema() -> None:
    twice = manifest(TWO_CLASSES)
    twice.loc[1, "path"] = "first/monocyte/0.png"
    assert [finding.rule for finding in check(twice, LIMITS).broken] == ["schema"]


def test_another_column_breaks_the_schema() -> None:
    assert "schema" in broken(check(manifest(TWO_CLASSES).assign(extra=1), LIMITS))


def test_a_class_that_outnumbers_another_is_named() -> None:
    quality = check(manifest(["monocyte"] * 25 + ["platelet"] * 5), LIMITS)
    finding = next(each for each in quality.findings if each.rule == "imbalance")
    assert not finding.passed
    assert finding.observed == "5.0 times (monocyte with 25 over platelet with 5)"


def test_a_manifest_without_a_readable_image_breaks_rules_instead_of_raising() -> None:
    for frame in (manifest(TWO_CLASSES, readable=False), manifest([])):
        quality = check(frame, LIMITS)
        assert {"classes", "count_per_class"} <= {finding.rule for finding in quality.broken}
        assert "No readable image has a class." in report(quality, LIMITS)


def test_equal_manifests_give_equal_results_and_pages() -> None:
    first, second = (check(manifest(TWO_CLASSES), LIMITS) for _ in range(2))
    assert first.as_json() == second.as_json()
    assert report(first, LIMITS) == report(second, LIMITS)


def test_the_page_keeps_hostile_names_as_text_and_says_when_cells_are_drawn() -> None:
    frame = manifest(TWO_CLASSES, drawn=True, readable=[False] + [True] * 19)
    frame.loc[0, "path"] = "<script>alert(1)</script>.png"
    page = report(check(frame, LIMITS), LIMITS)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.png" in page
    assert "Drawn, not real." in page
    assert "http" not in page


def test_histograms_put_every_image_in_a_bar_and_mark_the_limits() -> None:
    brightness, sharpness = histograms(manifest(TWO_CLASSES), LIMITS)
    assert brightness.tallest == sharpness.tallest == len(TWO_CLASSES)
    assert brightness.limits == (0.1, 0.9)
    assert sharpness.limits == (0.3333,)
    assert [text for _, text in sharpness.ticks] == ["1e-6", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1", "1e0"]


def test_nothing_is_reported_to_the_makers_of_great_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    check(manifest(TWO_CLASSES), LIMITS)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_every_class_that_is_too_small_is_named() -> None:
    quality = check(manifest(["ig"] * 9 + ["monocyte"] * 4 + ["platelet"] * 3), LIMITS)
    assert quality.broken[0].observed == "too small: monocyte with 4, platelet with 3"


def test_an_import_loads_no_charts_and_finds_no_database_or_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("altair", "google.auth"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    finders = [*sys.meta_path]
    with lean_imports():
        assert type(import_module("altair")) is not ModuleType  # a lazy one
        with pytest.raises(ModuleNotFoundError):
            import_module("google.auth")
    assert sys.meta_path == finders


def test_what_was_put_off_is_whole_once_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "altair", raising=False)
    with lean_imports():
        altair = import_module("altair")
    assert altair.Chart.__name__ == "Chart"
    assert type(altair) is ModuleType
