"""Give every kept cell a side, so that no copy and no patient is on two, and no cell ever changes sides."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from giemsa.curation.components import components

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from giemsa.settings import Split

SIDES = ("train", "validation", "test")


def assign_sides(
    manifest: pd.DataFrame, kept: pd.DataFrame, split: Split, copies: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Put every kept cell that has a class on one side.

    Sides are dealt to all images of the manifest, batch by batch, before anyone asks which are kept: what
    arrives or is dropped later cannot move an older image. Images that belong together (copies of one cell,
    cells of one patient) then follow the oldest of them. docs/splits.md has the guarantees and their limits.

    Args:
        manifest: all images: ``path``, ``batch_order``, ``label``, ``subject``, ``sha256``.
        kept: the curated cells: ``path``, ``label``, ``group`` (path of the oldest copy), ``batch_order``.
        split: the shares and the seed.
        copies: dropped images: ``path`` and ``group`` as in ``kept``. One of another subject joins that
            subject to the kept cell's; groups of which nothing is kept, such as junk, join nobody.

    Returns:
        ``path``, ``label``, ``group`` and ``side``, in the order of ``kept``. ``group`` is what stays
        together: the path of the oldest image among the copies and, where known, of the same subject.

    Raises:
        KeyError: if ``kept`` names an image that the manifest lacks.
    """
    unit_of = units(manifest)
    dealt = deal(manifest.assign(unit=manifest["path"].map(unit_of)).dropna(subset=["unit"]), split)
    group_of = dict(zip(kept["path"].tolist(), kept["group"].tolist(), strict=True))
    if copies is not None:
        of_kept = copies[copies["group"].isin(set(group_of.values()))]
        group_of |= dict(zip(of_kept["path"].tolist(), of_kept["group"].tolist(), strict=True))
    oldest = _oldest_of_component(unit_of, group_of)
    rows = kept.dropna(subset=["label"]).reset_index(drop=True)
    rows = rows.assign(group=[oldest[path] for path in rows["path"].tolist()])
    sides = {group: dealt[unit_of[group]] for group in rows["group"].tolist()}
    sides |= dict(_moved_for_small_classes(rows, sides, split.seed))
    rows["side"] = [sides[group] for group in rows["group"].tolist()]
    return rows[["path", "label", "group", "side"]]


def units(manifest: pd.DataFrame) -> dict[str, str]:
    """Name what is dealt as one: a subject's images, else all files with the same bytes.

    Returns:
        The unit of each path, oldest batch first; an image without bytes has none.
    """
    rows = manifest.dropna(subset=["sha256"]).sort_values(["batch_order", "path"])
    subject = ("subject " + rows["subject"].astype("str")).where(rows["subject"].notna(), rows["sha256"])
    return dict(zip(rows["path"].tolist(), subject.tolist(), strict=True))


def deal(images: pd.DataFrame, split: Split) -> dict[str, str]:
    """Deal the units' sides, stratified by class, one batch after the other.

    A unit goes where it leaves the smallest chi-squared distance between the counts per class and side and
    their targets, the targets being the shares of all that has come in so far. For single images of one class
    this is Webster's method of apportionment (Balinski and Young, Fair Representation, 1982), in an order
    given by a hash of seed and content; big subjects are dealt first.

    Args:
        images: ``unit``, ``batch_order``, ``path``, ``label``, ``sha256``.
        split: the shares and the seed.

    Returns:
        The side of each unit.
    """
    distinct = images.sort_values(["batch_order", "path"]).drop_duplicates(["unit", "sha256"])
    shares = dict(zip(SIDES, (1 - split.validation - split.test, split.validation, split.test), strict=True))
    came: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {side: Counter() for side in SIDES}
    dealt: dict[str, str] = {}
    texts = (distinct["unit"].tolist(), distinct["label"].fillna("").tolist())  # Arrow's own are read slowly
    columns = (distinct["batch_order"].tolist(), *texts)
    for _, batch in groupby(zip(*columns, strict=True), key=lambda row: row[0]):
        weights: dict[str, Counter[str]] = defaultdict(Counter)
        for _, unit, label in batch:
            weights[unit][label] += 1
            came[label] += 1
        targets = {
            side: {label: max(1.0, share * total) for label, total in came.items()}
            for side, share in shares.items()
        }
        # What a known subject brings takes its share before anything new is dealt.
        for unit in sorted(weights, key=lambda unit: (unit not in dealt, *_order(unit, weights, split.seed))):
            if unit not in dealt:
                dealt[unit] = min(SIDES, key=lambda side: _cost(weights[unit], counts[side], targets[side]))
            counts[dealt[unit]].update(weights[unit])
    return dealt


def _order(unit: str, weights: Mapping[str, Counter[str]], seed: int) -> tuple[int, str]:
    return -weights[unit].total(), _digest(seed, unit)


def _digest(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def _cost(weight: Counter[str], counts: Counter[str], targets: Mapping[str, float]) -> float:
    """Tell by how much ``weight`` more images change the chi-squared distance of a side from its targets."""
    return sum(n * (2 * (counts[label] - targets[label]) + n) / targets[label] for label, n in weight.items())


def _oldest_of_component(unit_of: Mapping[str, str], group_of: Mapping[str, str]) -> dict[str, str]:
    """Join the units that a duplicate group joins; the oldest path of each component by path."""
    number = {unit: index for index, unit in enumerate(dict.fromkeys(unit_of.values()))}
    ends = [
        np.array([number[unit_of[path]] for path in paths], np.int64)
        for paths in (group_of.keys(), group_of.values())
    ]
    component = components(ends[0], ends[1], len(number))
    first: dict[int, str] = {}
    for path, unit in unit_of.items():
        first.setdefault(int(component[number[unit]]), path)
    return {path: first[int(component[end])] for path, end in zip(group_of, ends[0], strict=True)}


def _moved_for_small_classes(
    rows: pd.DataFrame, sides: Mapping[str, str], seed: int
) -> Iterator[tuple[str, str]]:
    """Fill the sides that a small class lacks because of what was dropped; yields the groups that move.

    A class of one group is to be trained on, one of two to be validated too, one of three to be everywhere.
    This looks at the batches that brought the class its first three groups, one after the other, and moves
    only what the last of them brought, so that neither older nor later cells are touched.
    """
    arrived = rows.groupby(["label", "group"])["batch_order"].min().reset_index()
    for label, groups in arrived.groupby("label"):
        first = np.sort(groups["batch_order"].to_numpy(np.int64))[: len(SIDES)]
        moved: dict[str, str] = {}
        for until in np.unique(first):
            wanted = SIDES[: np.count_nonzero(first <= until)]
            early = rows[rows["batch_order"] <= until]
            sizes = Counter(early.loc[early["label"] == label, "group"].tolist())
            held = {group: moved.get(group, sides[group]) for group in sizes}
            if set(wanted) <= set(held.values()):
                continue
            others = set(early.loc[early["label"] != label, "group"])
            newest = set(groups.loc[groups["batch_order"] == until, "group"]) - others
            ranks = {group: (sizes[group], _digest(seed, group)) for group in newest}
            moved |= _moved(held, ranks, wanted)
        yield from moved.items()


def _moved(
    sides: Mapping[str, str], ranks: Mapping[str, tuple[int, str]], wanted: Sequence[str]
) -> dict[str, str]:
    """Move the first-ranked groups of the fullest sides to the empty ones; only what has a rank may move."""
    full = Counter(sides.values())
    moved: dict[str, str] = {}
    for empty in (side for side in wanted if not full[side]):
        spare = [side for side, count in full.items() if count > (side in wanted)]
        movable = [group for group in ranks if group not in moved and sides[group] in spare]
        if movable:
            group = min(movable, key=lambda group: (-full[sides[group]], ranks[group]))
            full[sides[group]] -= 1
            full[empty] += 1
            moved[group] = empty
    return moved
