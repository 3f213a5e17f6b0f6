"""Decide for every image whether the curated data hold it, and why; a person's word overrides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from giemsa.curation.duplicates import Copies
from giemsa.curation.groups import Decision, Group, Member
from giemsa.curation.verdicts import Verdict
from giemsa.errors import UsageError
from giemsa.settings import Deduplicate, Image

NEEDED = (
    "path",
    "label",
    "batch_order",
    "dhash",
    "view_hashes",
    "pixel_hash",
    "width",
    "height",
    "sharpness",
    "contrast",
)
TABLE = ("path", "label", "decision", "reason", "group", "by")
ALONE = "the only one"


@dataclass(frozen=True)
class Decisions:
    """The outcome of deduplication.

    Args:
        groups: of two or more images: junk first, then conflicts, then larger ones.
        table: one row per image in their order: ``path``, ``label`` (a person's where there is one),
            ``decision``, ``reason``, ``group`` (the path of the oldest image of the same picture) and
            ``by`` (``"person"`` or ``"giemsa"``).
    """

    groups: tuple[Group, ...]
    table: pd.DataFrame


def decide(
    images: pd.DataFrame,
    copies: Copies,
    settings: Deduplicate,
    image: Image,
    verdicts: Mapping[str, Verdict],
) -> Decisions:
    """Decide the fate of every image.

    Of one picture, the image of the oldest batch is kept, with a label before without, large enough for the
    network before too small, sharp before blurred. Where labels differ none is kept; where it also repeats
    ``junk_copies`` times it is junk. A person's ``drop`` takes an image out before, a ``keep`` settles it.

    Args:
        images: readable images in the manifest's columns and order.
        copies: which of them are copies of one another.
        settings: when repeated pictures are junk.
        image: the size that a network sees.
        verdicts: a person's decisions by path.

    Raises:
        UsageError: if a verdict names an image that is not there or not readable.
    """
    if unknown := sorted(set(verdicts) - set(images["path"])):
        message = (
            f"decisions.csv names {unknown[0]}, which is no readable image here: correct or drop that line."
        )
        raise UsageError(message)
    # Nearly all stand alone, and nothing is to be decided of them.
    alone = np.bincount(copies.group)[copies.group] == 1
    alone &= ~images["path"].isin(list(verdicts)).to_numpy()
    together = np.flatnonzero(~alone)
    order = together[np.argsort(copies.group[together], kind="stable")]
    kinds = np.split(order, np.flatnonzero(np.diff(copies.group[order])) + 1) if len(order) else []
    needed = without_nan(images.loc[images.index[order], list(NEEDED)]).to_dict("records")
    rows: dict[int, dict[Any, Any]] = dict(zip(order, needed, strict=True))
    alike = _alike(copies, images["pixel_hash"].tolist())
    pictures = [_Picture([rows[row] for row in kind], settings, image, verdicts, alike) for kind in kinds]
    groups = sorted((picture.group() for picture in pictures if len(picture.images) > 1), key=_urgency)
    told = pd.DataFrame([row for picture in pictures for row in picture.rows()], columns=list(TABLE))
    table = pd.concat([told.set_index(order), _kept(images[alone], np.flatnonzero(alone))]).sort_index()
    return Decisions(tuple(groups), table)


def _kept(alone: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Give the rows of ``Decisions.table`` of images without copies of which nobody said anything."""
    label = alone["label"].where(alone["label"] != "", None)
    told = alone[["path"]].assign(label=label, decision="kept", reason=ALONE)
    return told.assign(group=alone["path"], by="giemsa").set_index(rows)


def without_nan(table: pd.DataFrame) -> pd.DataFrame:
    """Turn pandas' ways of saying "missing" into None."""
    return table.astype(object).where(table.notna(), None)


def _alike(copies: Copies, pixel_hash: Sequence[str]) -> dict[str, dict[str, float]]:
    """Give, by the hash of a picture's pixels, its similarity with each confirmed copy of other pixels."""
    alike: dict[str, dict[str, float]] = {}
    for (left, right), similarity in copies.similarity.items():
        one, other = pixel_hash[left], pixel_hash[right]
        alike.setdefault(one, {})[other] = alike.setdefault(other, {})[one] = similarity
    return alike


def _urgency(group: Group) -> tuple[bool, bool, int, str]:
    return not group.junk, not group.conflict, -len(group.members), group.members[0].path


class _Picture:
    """The images of one picture, and what becomes of them."""

    def __init__(
        self,
        images: Sequence[dict[str, Any]],
        settings: Deduplicate,
        image: Image,
        verdicts: Mapping[str, Verdict],
        alike: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.alike = alike
        self.verdicts = {row["path"]: verdicts[row["path"]] for row in images if row["path"] in verdicts}
        self.images = [row | {"label": self._label(row)} for row in images]
        candidates = [row for row in self.images if self._said(row) != "drop"]
        settled = [row["path"] for row in candidates if self._said(row) == "keep"]
        self.labels = sorted({row["label"] for row in candidates} - {None})
        self.conflict = len(self.labels) > 1 and not settled
        self.junk = self.conflict and len(candidates) >= settings.junk_copies
        candidates.sort(key=lambda row: _rank(row, image))
        best = [row["path"] for row in candidates[:1]]
        self.kept = settled or ([] if self.conflict else best)
        self.oldest = min(self.images, key=lambda row: (row["batch_order"], row["path"]))["path"]
        self.reference = min(self.images, key=lambda row: (row["path"] not in self.kept, _rank(row, image)))

    def _said(self, row: Mapping[str, Any]) -> str | None:
        verdict = self.verdicts.get(row["path"])
        return verdict.decision if verdict else None

    def _label(self, row: Mapping[str, Any]) -> str | None:
        verdict = self.verdicts.get(row["path"])
        return (verdict.label if verdict else "") or row["label"] or None

    def rows(self) -> Iterator[tuple[str, str | None, Decision, str, str, str]]:
        """Give the rows of ``Decisions.table``, in the images' order."""
        for row in self.images:
            by = "person" if row["path"] in self.verdicts else "giemsa"
            yield row["path"], row["label"], self._decision(row), self._reason(row), self.oldest, by

    def group(self) -> Group:
        """Give the group as a person reviews it, with the kept image first."""
        first = self.reference
        members = tuple(
            Member(
                path=row["path"],
                label=row["label"],
                decision=self._decision(row),
                reason=self._reason(row),
                distance=_distance(first, row),
                similarity=self._similarity(row),
            )
            for row in sorted(self.images, key=lambda row: row is not first)
        )
        exact = len({row["pixel_hash"] for row in self.images}) == 1
        keep = self.kept[0] if self.kept else None
        return Group("exact" if exact else "near", self.conflict, self.junk, keep, members)

    def _decision(self, row: Mapping[str, Any]) -> Decision:
        return "kept" if row["path"] in self.kept else "dropped"

    def _with_reference(self, row: Mapping[str, Any]) -> float | None:
        """Give the similarity with the reference; None where only other copies link the two."""
        mine, its = row["pixel_hash"], self.reference["pixel_hash"]
        return 1.0 if mine == its else self.alike.get(mine, {}).get(its)

    def _similarity(self, row: Mapping[str, Any]) -> float:
        direct = self._with_reference(row)
        return max(self.alike.get(row["pixel_hash"], {}).values(), default=0.0) if direct is None else direct

    def _reason(self, row: Mapping[str, Any]) -> str:
        if row["path"] in self.verdicts:
            return self.verdicts[row["path"]].because
        if self.junk:
            return f"repeats {len(self.images):,} times under {len(self.labels)} labels: no cell"
        if self.conflict:
            return f"the same picture under different labels: {', '.join(self.labels)}"
        if row["path"] in self.kept:
            return ALONE if len(self.images) == 1 else f"the best of {len(self.images):,} copies"
        if not self.kept:
            return "a person dropped every other copy"
        return f"copy of {self.reference['path']}{self._how(row)}"

    def _how(self, row: Mapping[str, Any]) -> str:
        if row["pixel_hash"] == self.reference["pixel_hash"]:
            return " (equal pixels)"
        through = "" if self._with_reference(row) is not None else " through other copies"
        similarity = self._similarity(row)
        return f"{through} (similarity {similarity:.3f})" if similarity else through


def _rank(row: Mapping[str, Any], image: Image) -> tuple[int, bool, bool, float, str]:
    too_small = min(row["width"], row["height"]) < image.size
    # Over contrast, so that a brightened copy does not pass for a sharper one.
    detail = row["sharpness"] / max(row["contrast"], 1e-6) ** 2
    return row["batch_order"], row["label"] is None, too_small, -detail, row["path"]


def _distance(first: Mapping[str, Any], second: Mapping[str, Any]) -> int:
    """Give the fewest bits in which the two dHashes differ, under any symmetry."""
    whole = (int(first["dhash"]) ^ int(second["dhash"])).bit_count()
    return min(
        whole, *((int(first["view_hashes"][0]) ^ int(seen)).bit_count() for seen in second["view_hashes"])
    )
