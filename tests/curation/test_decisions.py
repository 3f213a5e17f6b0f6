from typing import Any

import numpy as np
import pandas as pd
import pytest

from giemsa.curation.decisions import Decisions, decide
from giemsa.curation.duplicates import Copies
from giemsa.curation.verdicts import Verdict
from giemsa.errors import UsageError
from giemsa.settings import Deduplicate, Image

IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
SETTINGS = Deduplicate(max_distance=8, min_similarity=0.9, symmetries=True, junk_copies=10)


def row(path: str, label: str | None = "ig", **other: Any) -> dict[str, Any]:
    return {
        "path": path,
        "label": label,
        "batch_order": 1,
        "dhash": 5,
        "view_hashes": [5, 6, 7, 8, 9, 10, 11, 12],
        "pixel_hash": "same",
        "width": 96,
        "height": 96,
        "sharpness": 0.01,
        "contrast": 0.2,
    } | other


def decided(
    rows: list[dict[str, Any]],
    group: list[int],
    similarity: dict[tuple[int, int], float] | None = None,
    **verdicts: dict[str, str],
) -> Decisions:
    said = {f"{name}.png": Verdict(path=f"{name}.png", **told) for name, told in verdicts.items()}  # type: ignore[arg-type]
    return decide(pd.DataFrame(rows), Copies(np.array(group), similarity or {}), SETTINGS, IMAGE, said)


def kept(outcome: Decisions) -> list[str]:
    return outcome.table["path"][outcome.table["decision"] == "kept"].tolist()


def test_an_image_without_copies_is_kept() -> None:
    outcome = decided([row("a.png"), row("b.png", "lymphocyte", pixel_hash="other")], [0, 1])
    assert kept(outcome) == ["a.png", "b.png"]
    assert outcome.groups == ()
    assert outcome.table["group"].tolist() == ["a.png", "b.png"]


def test_one_of_equal_copies_is_kept_and_the_others_name_it() -> None:
    outcome = decided([row("a.png"), row("b.png"), row("c.png")], [0, 0, 0])
    (group,) = outcome.groups
    assert (group.kind, group.conflict, group.junk, group.keep) == ("exact", False, False, "a.png")
    assert [member.reason for member in group.members] == [
        "the best of 3 copies",
        "copy of a.png (equal pixels)",
        "copy of a.png (equal pixels)",
    ]


def test_a_near_copy_tells_distance_and_similarity() -> None:
    rows = [row("a.png"), row("b.png", pixel_hash="other", dhash=6, view_hashes=[6] * 8)]
    (group,) = decided(rows, [0, 0], {(0, 1): 0.97}).groups
    assert group.kind == "near"
    assert group.members[1].distance == 2
    assert group.members[1].similarity == 0.97
    assert group.members[1].reason == "copy of a.png (similarity 0.970)"


def test_a_copy_through_other_copies_is_not_said_to_be_like_the_kept_one() -> None:
    rows = [row(f"{name}.png", pixel_hash=name, sharpness=0.03 - n / 100) for n, name in enumerate("abc")]
    (group,) = decided(rows, [0, 0, 0], {(0, 1): 0.91, (1, 2): 0.99}).groups
    assert [(member.similarity, member.reason) for member in group.members] == [
        (1.0, "the best of 3 copies"),
        (0.91, "copy of a.png (similarity 0.910)"),
        (0.99, "copy of a.png through other copies (similarity 0.990)"),
    ]


def test_similarities_hold_for_every_image_of_equal_pixels() -> None:
    # Of equal pixels the first image alone was compared; the reference here is another one.
    rows = [row("a.png", pixel_hash="a"), row("b.png", pixel_hash="b"), row("b2.png", pixel_hash="b")]
    twin = {"decision": "keep"}
    (group,) = decided([*rows, row("a2.png", pixel_hash="a")], [0] * 4, {(0, 1): 0.95}, b2=twin).groups
    assert [(member.path, member.similarity) for member in group.members] == [
        ("b2.png", 1.0),
        ("a.png", 0.95),
        ("b.png", 1.0),
        ("a2.png", 0.95),
    ]


def test_copies_that_only_another_source_links_tell_no_similarity() -> None:
    (group,) = decided([row("a.png", pixel_hash="a"), row("b.png", pixel_hash="b")], [0, 0]).groups
    assert group.members[1].similarity == 0.0
    assert group.members[1].reason == "copy of a.png through other copies"


def test_a_turned_copys_distance_is_that_of_the_best_symmetry() -> None:
    rows = [row("a.png"), row("b.png", pixel_hash="other", dhash=2**64 - 1, view_hashes=[99, 5, *[99] * 6])]
    assert decided(rows, [0, 0], {(0, 1): 0.99}).groups[0].members[1].distance == 0


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"batch_order": 1, "sharpness": 0.001}, {"batch_order": 2, "sharpness": 0.1}),
        ({"label": "ig", "sharpness": 0.001}, {"label": None, "sharpness": 0.1}),
        ({"width": 96, "sharpness": 0.001}, {"width": 48, "sharpness": 0.1}),
        ({"sharpness": 0.02}, {"sharpness": 0.01}),
        ({"sharpness": 0.011, "contrast": 0.2}, {"sharpness": 0.012, "contrast": 0.22}),
    ],
)
def test_the_oldest_labelled_large_and_sharp_image_is_kept(
    better: dict[str, Any], worse: dict[str, Any]
) -> None:
    assert kept(decided([row("a.png", **worse), row("b.png", **better)], [0, 0])) == ["b.png"]


def test_where_labels_differ_none_is_kept() -> None:
    outcome = decided([row("a.png", "ig"), row("b.png", "neutrophil")], [0, 0])
    assert kept(outcome) == []
    assert outcome.groups[0].conflict
    assert outcome.groups[0].keep is None
    assert outcome.table["reason"][0] == "the same picture under different labels: ig, neutrophil"


def test_a_missing_label_contradicts_nothing() -> None:
    outcome = decided([row("a.png", None), row("b.png", "ig")], [0, 0])
    assert kept(outcome) == ["b.png"]
    assert not outcome.groups[0].conflict


def test_what_repeats_under_several_labels_is_junk() -> None:
    rows = [row(f"{n}.png", "ig" if n % 2 else "neutrophil") for n in range(10)]
    outcome = decided([*rows, row("x.png", pixel_hash="x")], [*[0] * 10, 1])
    assert outcome.groups[0].junk
    assert kept(outcome) == ["x.png"]
    assert outcome.table["reason"][0] == "repeats 10 times under 2 labels: no cell"


def test_what_repeats_under_one_label_is_kept_once() -> None:
    assert len(kept(decided([row(f"{n}.png") for n in range(20)], [0] * 20))) == 1


def test_junk_comes_first_then_conflicts_then_large_groups() -> None:
    rows = [
        *(row(f"a{n}.png") for n in range(2)),
        *(row(f"b{n}.png") for n in range(3)),
        row("c0.png", "ig"),
        row("c1.png", "neutrophil"),
        *(row(f"d{n}.png", "ig" if n else "neutrophil") for n in range(10)),
    ]
    outcome = decided(rows, [0] * 2 + [1] * 3 + [2] * 2 + [3] * 10)
    assert [group.members[0].path[0] for group in outcome.groups] == ["d", "c", "b", "a"]


def test_a_person_keeps_another_copy() -> None:
    outcome = decided([row("a.png"), row("b.png")], [0, 0], b={"decision": "keep", "reviewer": "Ada"})
    assert kept(outcome) == ["b.png"]
    assert outcome.table["reason"].tolist() == ["copy of b.png (equal pixels)", "decided by Ada"]
    assert outcome.table["by"].tolist() == ["giemsa", "person"]
    assert outcome.table["group"].tolist() == ["a.png", "a.png"]


def test_a_person_settles_a_conflict_by_keeping_one_under_a_label() -> None:
    rows = [row("a.png", "ig"), row("b.png", "neutrophil")]
    outcome = decided(rows, [0, 0], b={"decision": "keep", "label": "monocyte"})
    assert kept(outcome) == ["b.png"]
    assert outcome.table["label"].tolist() == ["ig", "monocyte"]
    assert not outcome.groups[0].conflict


def test_dropping_the_wrong_label_settles_a_conflict_too() -> None:
    rows = [row("a.png", "ig"), row("b.png", "neutrophil")]
    assert kept(decided(rows, [0, 0], a={"decision": "drop"})) == ["b.png"]


def test_a_person_may_drop_all_copies() -> None:
    drop = {"decision": "drop"}
    assert kept(decided([row("a.png"), row("b.png")], [0, 0], a=drop, b=drop)) == []


def test_a_person_relabels_an_image_that_has_no_copies() -> None:
    outcome = decided([row("a.png", "ig")], [0], a={"decision": "keep", "label": "monocyte"})
    assert outcome.table["label"].tolist() == ["monocyte"]


def test_a_decision_on_an_image_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"names z\.png"):
        decided([row("a.png")], [0], z={"decision": "keep"})


def test_the_table_keeps_the_images_order() -> None:
    rows = [row("b.png"), row("a.png", pixel_hash="x"), row("c.png")]
    assert decided(rows, [0, 1, 0]).table["path"].tolist() == ["b.png", "a.png", "c.png"]


def test_the_group_is_named_after_its_oldest_image() -> None:
    rows = [row("z.png", batch_order=1), row("a.png", batch_order=2)]
    assert decided(rows, [0, 0]).table["group"].tolist() == ["z.png", "z.png"]


def test_no_images_need_no_decisions() -> None:
    empty = pd.DataFrame([row("a.png")]).iloc[:0]
    outcome = decide(empty, Copies(np.array([], int), {}), SETTINGS, IMAGE, {})
    assert outcome.groups == ()
    assert outcome.table.empty
