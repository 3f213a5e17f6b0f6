from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giemsa.curation.splits import SIDES, assign_sides
from giemsa.settings import Split

SPLIT = Split(validation=0.1, test=0.1, seed=2024)


class Cell(NamedTuple):
    """One image of a test's manifest; equal ``content`` means equal bytes."""

    label: str | None
    content: int
    subject: str | None = None
    batch: int = 1
    kept: bool = True


def frames(cells: Iterable[Cell], links: Iterable[tuple[int, int]] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build a manifest and its curated cells; ``links`` joins two contents to one duplicate group."""
    text = pd.StringDtype(na_value=np.nan)
    rows = pd.DataFrame(list(cells), columns=["label", "content", "subject", "batch_order", "kept"])
    rows = rows.assign(
        path=pd.array(
            [f"{batch:03d}/{row:05d}.png" for row, batch in enumerate(rows["batch_order"])], dtype=text
        ),
        sha256=pd.array([f"{content:064x}" for content in rows["content"]], dtype=text),
        label=rows["label"].astype(text),
        subject=rows["subject"].astype(text),
    )
    joined = {content: {content} for content in rows["content"]}
    for a, b in links:
        if a in joined and b in joined:
            both = joined[a] | joined[b]
            joined |= dict.fromkeys(both, both)
    oldest = [rows.loc[rows["content"].isin(joined[content]), "path"].min() for content in rows["content"]]
    kept = rows.assign(group=pd.array(oldest, dtype=text))[rows["kept"].astype(bool)]
    return rows, kept.reset_index(drop=True)


def sides(cells: Iterable[Cell], split: Split = SPLIT) -> dict[str, str]:
    manifest, kept = frames(cells)
    found = assign_sides(manifest, kept, split)
    return dict(zip(found["path"], found["side"], strict=True))


def counts(found: pd.DataFrame, label: str) -> dict[str, int]:
    numbers = found.loc[found["label"] == label, "side"].value_counts()
    return {side: int(numbers.get(side, 0)) for side in SIDES}


cell = st.builds(
    Cell,
    label=st.sampled_from(["basophil", "ig", "platelet"]),
    content=st.integers(0, 60),
    subject=st.sampled_from([None, None, None, "P1", "P2", "P3"]),
    batch=st.integers(1, 3),
    kept=st.booleans(),
)
some_links = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


@given(st.lists(cell, max_size=80), some_links)
@settings(deadline=None, max_examples=60)
def test_every_kept_cell_has_one_side_and_nothing_that_belongs_together_is_parted(
    cells: list[Cell], links: list[tuple[int, int]]
) -> None:
    manifest, kept = frames(cells, links)
    found = assign_sides(manifest, kept, SPLIT)
    assert list(found["path"]) == list(kept["path"])
    assert set(found["side"]) <= set(SIDES)
    together = kept.assign(side=found["side"], stays=found["group"])
    for column in ("group", "subject", "sha256", "stays"):
        assert (together.groupby(column)["side"].agg(set).map(len) == 1).all()


@given(st.lists(cell, max_size=60), some_links, st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_the_order_of_rows_changes_nothing(
    cells: list[Cell],
    links: list[tuple[int, int]],
    seed: int,
) -> None:
    manifest, kept = frames(cells, links)
    shuffled = manifest.sample(frac=1, random_state=seed), kept.sample(frac=1, random_state=seed)
    first, second = (
        assign_sides(*each, SPLIT).sort_values("path", ignore_index=True)
        for each in ((manifest, kept), shuffled)
    )
    pd.testing.assert_frame_equal(first, second)


@given(
    st.lists(cell, max_size=60),
    st.lists(st.tuples(cell, st.booleans()), max_size=30),
)
@settings(deadline=None, max_examples=60)
def test_a_new_batch_moves_no_older_cell(old: list[Cell], new: list[tuple[Cell, bool]]) -> None:
    # A newcomer is a cell of its own, of any subject, or a copy of one old image that tells no other subject.
    added = [
        each._replace(batch=4, content=each.content if copy else 1000 + row)
        if not copy
        else each._replace(batch=4, subject=None)
        for row, (each, copy) in enumerate(new)
    ]
    before = sides(old)
    after = sides([*old, *added])
    assert {path: after[path] for path in before} == before


@given(st.integers(3, 400), st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_shares_are_met_to_the_image_however_a_class_came_in(images: int, batches: int) -> None:
    cells = [Cell("ig", row, batch=1 + row % batches) for row in range(images)]
    manifest, kept = frames(cells)
    found = counts(assign_sides(manifest, kept, SPLIT), "ig")
    for side in ("validation", "test"):
        assert abs(found[side] - max(1, 0.1 * images)) <= 1


def test_shares_survive_junk_and_dropped_copies() -> None:
    rng = np.random.default_rng(1)
    labels = ["basophil", "ig", "platelet"]
    cells = [Cell(labels[row % 3], row, kept=bool(rng.random() > 0.1)) for row in range(3000)]
    cells += [Cell(str(rng.choice(labels)), 9999, kept=False) for _ in range(800)]
    manifest, kept = frames(cells)
    found = assign_sides(manifest, kept, SPLIT)
    for label in labels:
        number = counts(found, label)
        assert number["test"] / sum(number.values()) == pytest.approx(0.1, abs=0.015)
        assert number["validation"] / sum(number.values()) == pytest.approx(0.1, abs=0.015)


@given(st.lists(st.booleans(), min_size=3, max_size=40))
@settings(deadline=None, max_examples=60)
def test_a_class_with_three_kept_cells_is_on_every_side(kept: list[bool]) -> None:
    cells = [Cell("ig", row, kept=keep) for row, keep in enumerate([*kept, True, True, True])]
    assert set(sides(cells).values()) == set(SIDES)


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 2), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_a_class_of_one_or_two_kept_cells_is_trained_on_before_it_is_tested(
    dropped: list[bool], left: int, seed: int
) -> None:
    cells = [Cell("ig", row, kept=False) for row in range(len(dropped))]
    cells += [Cell("ig", 100 + row, batch=1 + row) for row in range(left)]
    found = sides(cells, SPLIT.model_copy(update={"seed": seed}))
    assert set(found.values()) == set(SIDES[:left])


def test_a_small_class_that_was_filled_up_stays_as_it_is_when_it_grows() -> None:
    for seed in range(20):
        split = SPLIT.model_copy(update={"seed": seed})
        old = [Cell("ig", row, kept=row % 4 == 0) for row in range(12)]
        before = sides(old, split)
        after = sides([*old, *(Cell("ig", 100 + row, batch=2) for row in range(30))], split)
        assert set(before.values()) == set(SIDES)
        assert {path: after[path] for path in before} == before


def test_another_seed_gives_another_split() -> None:
    cells = [Cell("ig", row) for row in range(100)]
    assert sides(cells) != sides(cells, SPLIT.model_copy(update={"seed": 7}))


def test_one_patient_with_many_cells_does_not_flood_the_test_side() -> None:
    cells = [Cell("ig", row, subject="P1") for row in range(50)]
    cells += [Cell("ig", 100 + row, subject=f"Q{row}") for row in range(50)]
    manifest, kept = frames(cells)
    found = assign_sides(manifest, kept, SPLIT)
    assert set(found.loc[:49, "side"]) == {"train"}
    assert counts(found, "ig") == {"train": 80, "validation": 10, "test": 10}


def test_a_copy_of_two_old_cells_makes_them_one_and_both_go_where_the_oldest_was() -> None:
    # The one way in which an addition can move an old cell.
    old = [Cell("ig", row) for row in range(20)]
    before = sides(old)
    train = next(path for path in sorted(before) if before[path] == "train")
    test = next(path for path in sorted(before) if before[path] == "test")
    numbers = sorted((int(train[-9:-4]), int(test[-9:-4])))
    manifest, kept = frames([*old, Cell("ig", 99, batch=2)], [(numbers[0], 99), (99, numbers[1])])
    found = assign_sides(manifest, kept, SPLIT).set_index("path")
    eldest = min(train, test)
    assert set(found.loc[[train, test, "002/00020.png"], "side"]) == {before[eldest]}
    assert set(found.loc[[train, test, "002/00020.png"], "group"]) == {eldest}
    others = [path for path in before if path not in {train, test}]
    assert {path: found.loc[path, "side"] for path in others} == {path: before[path] for path in others}


def test_a_kept_copy_follows_the_oldest_even_where_that_one_was_dropped() -> None:
    cells = [Cell("ig", row, kept=row != 5) for row in range(30)]
    alone = sides([each._replace(kept=True) for each in cells])
    manifest, kept = frames([*cells, Cell("ig", 99, batch=2)], [(5, 99)])
    found = assign_sides(manifest, kept, SPLIT).set_index("path")
    assert found.loc["002/00030.png", "side"] == alone["001/00005.png"]
    assert found.loc["002/00030.png", "group"] == "001/00005.png"


def test_patients_who_share_a_dropped_copy_are_on_one_side() -> None:
    # Of two copies the older is kept: the younger one's patient is the older one's, whatever the file says.
    cells = [Cell("ig", row, subject=f"P{row % 60}") for row in range(240)]
    cells += [Cell("ig", 999, subject="P1", batch=2), Cell("ig", 998, subject="P2", batch=2, kept=False)]
    manifest, kept = frames(cells, [(999, 998)])
    copies = pd.DataFrame({"path": ["002/00241.png"], "group": ["002/00240.png"]})
    parted = 0
    for seed in range(20):
        split = SPLIT.model_copy(update={"seed": seed})
        of = {who: set[str]() for who in ("P1", "P2")}
        for told in (None, copies):
            found = assign_sides(manifest, kept, split, told).assign(subject=kept["subject"])
            of = {who: set(found.loc[found["subject"] == who, "side"]) for who in of}
            parted += told is None and of["P1"] != of["P2"]
        assert of["P1"] == of["P2"]
    assert parted  # left to themselves they would be on two sides


def test_copies_of_which_nothing_is_kept_join_nobody() -> None:
    cells = [Cell("ig", row, subject=f"P{row}") for row in range(40)]
    junk = [Cell("ig", 900, subject=f"P{row}", kept=False) for row in range(40)]
    manifest, kept = frames([*cells, *junk])
    copies = pd.DataFrame({"path": manifest["path"].tolist()[40:], "group": ["001/00040.png"] * 40})
    found = assign_sides(manifest, kept, SPLIT, copies)
    pd.testing.assert_frame_equal(found, assign_sides(manifest, kept, SPLIT))


def test_a_cell_without_a_class_is_on_no_side() -> None:
    assert sides([Cell(None, 0), Cell("ig", 1)]) == {"001/00001.png": "train"}


def test_no_kept_cell_at_all_gives_an_empty_table() -> None:
    manifest, kept = frames([])
    assert list(assign_sides(manifest, kept, SPLIT).columns) == ["path", "label", "group", "side"]
