"""The duplicate gallery: one offline page on which a person reviews what deduplication decided."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from giemsa.curation.gallery_pictures import Pictures
from giemsa.pages import render
from giemsa.workspace import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from giemsa.curation.groups import Group

PICTURES_PER_GROUP = 10  # as many as the page shows before "and … more"
ORDER = {"label": 0, "near": 1, "odd": 2, "exact": 3}
FIRST_PICTURES = 2  # of every group, before any group gets more


def write_gallery(
    path: Path,
    groups: Sequence[Group],
    thumbnails: Callable[[str], bytes],
    *,
    drawn: bool,
    unreadable: Sequence[tuple[str, str]],
) -> None:
    """Write the page, whole or not at all, with conflicts, junk and doubtful labels first.

    Its pictures take 22 MB at most: they are shrunk, equal ones stand in it once, and when there is no
    more room the rest is shown by path alone.

    Args:
        path: the HTML file.
        groups: what deduplication decided.
        thumbnails: gives a picture file's bytes, of any size, by a member's path; empty where there are none.
        drawn: whether the cells were drawn by a program.
        unreadable: path and reason of each file that was set aside.
    """
    ordered = sorted(groups, key=_order)
    data = _data(ordered, thumbnails, unreadable)
    content = json.dumps(data, separators=(",", ":"), allow_nan=False)
    # Inside a script element only "<" can end the data; nothing else is markup there.
    safe = Markup(content.replace("<", "\\u003c"))  # noqa: S704
    page = render(
        "gallery.html",
        drawn=drawn,
        lead=_lead(ordered),
        data=safe,
        unreadable=len(unreadable),
        kinds={group.kind for group in groups},
    )
    with whole(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _order(group: Group) -> tuple[bool, bool, int, float, str]:
    unlike = min(member.similarity for member in group.members)
    return not group.conflict, not group.junk, ORDER[group.kind], unlike, group.members[0].path


def _lead(groups: Sequence[Group]) -> str:
    copies = [group for group in groups if group.kind in ("exact", "near")]
    images = sum(len(group.members) for group in copies)
    kept = sum(member.decision == "kept" for group in copies for member in group.members)
    conflicts = sum(group.conflict and not group.junk for group in copies)
    junk = sum(group.junk for group in copies)
    doubtful = sum(group.kind == "label" for group in groups)
    odd = sum(group.kind == "odd" for group in groups)
    return (
        f"Groups of copies: {len(copies):,}, of {images:,} images,"
        f" {kept:,} kept and {images - kept:,} dropped."
        f" Under conflicting labels: {conflicts:,}. Junk that repeats: {junk:,}."
        + (f" Labels likely wrong: {doubtful:,}." if doubtful else "")
        + (f" Odd pictures: {odd:,}." if odd else "")
    )


def _data(
    groups: Sequence[Group], thumbnails: Callable[[str], bytes], unreadable: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    pictures = Pictures(thumbnails)
    shown = pictures.place(_worth_showing(groups))
    reasons: dict[str, int] = {}
    rows = [
        [
            group.kind,
            group.conflict,
            group.junk,
            [
                [
                    member.path,
                    member.label,
                    member.decision == "kept",
                    reasons.setdefault(member.reason, len(reasons)),
                    member.distance,
                    round(member.similarity, 4),
                    shown.get(member.path, -1),
                ]
                for member in group.members
            ],
        ]
        for group in groups
    ]
    fingerprint = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    return {
        "fingerprint": fingerprint,
        "groups": rows,
        "reasons": list(reasons),
        "pictures": pictures.uris,
        "unreadable": [list(each) for each in unreadable],
    }


def _worth_showing(groups: Sequence[Group]) -> Iterator[str]:
    for first, last in ((0, FIRST_PICTURES), (FIRST_PICTURES, PICTURES_PER_GROUP)):
        for group in groups:
            yield from (member.path for member in group.members[first:last])
