"""Write what an audit found: JSON for programs, pictures for the page that a person reviews."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from giemsa.curation.audit import Audit
from giemsa.curation.gallery import PICTURES_PER_GROUP
from giemsa.curation.gallery_pictures import shrink
from giemsa.curation.groups import Group, Kind, Member
from giemsa.curation.label_errors import LabelError
from giemsa.curation.reading import quiet
from giemsa.curation.straddling import Straddle
from giemsa.data.sources import Source, as_bytes
from giemsa.workspace import whole, writing


def write_json(
    path: Path, found: Audit, straddles: Sequence[Straddle] = (), suspects: Sequence[LabelError] | None = None
) -> None:
    """Write the findings, whole or not at all.

    ``groups`` holds, for each group, its kind, the members' paths and labels in the same order, whether the
    labels conflict, and the path to keep or null. ``straddling`` holds groups in several batches of a project
    or on several sides of its split. ``label_errors`` is there where a model was asked for ``suspects``.

    Raises:
        UsageError: if the file cannot be written.
    """
    content: dict[str, Any] = {
        "images": found.images,
        "unreadable": [{"path": where, "reason": reason} for where, reason in found.unreadable],
        "groups": [
            {
                "kind": group.kind,
                "paths": [member.path for member in group.members],
                "labels": [member.label for member in group.members],
                "conflict": group.conflict,
                "junk": group.junk,
                "keep": group.keep,
            }
            for group in found.groups
        ],
        "odd": [{"path": odd.path, "issue": odd.issue, "value": odd.value} for odd in found.odd],
        "leaks": [{"paths": leak.paths, "against": leak.against} for leak in found.leaks],
        "straddling": [asdict(straddle) for straddle in straddles],
    }
    if suspects is not None:
        content["label_errors"] = [asdict(suspect) for suspect in suspects]
    with writing(path), whole(path) as partial:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def for_review(found: Audit, suspects: Sequence[LabelError] = ()) -> list[Group]:
    """Give what a person should look at: the groups, and alone each image whose label or look is doubtful."""
    doubts: dict[Kind, dict[str, list[str]]] = {"label": {}, "odd": {}}
    for suspect in suspects:
        sure = f"{suspect.other:.0%} against {suspect.own:.0%}"
        doubts["label"][suspect.path] = [f"likely {suspect.likely}, not {suspect.label} ({sure})"]
    for odd in found.odd:
        doubts["odd"].setdefault(odd.path, []).append(f"{odd.issue} ({odd.value:.4g})")
    alone = [
        (kind, Member(path, found.labels[path], "kept", "; ".join(told), distance=0, similarity=1.0))
        for kind, by_path in doubts.items()
        for path, told in by_path.items()
    ]
    return [
        *found.groups,
        *(Group(kind, conflict=False, junk=False, keep=one.path, members=(one,)) for kind, one in alone),
    ]


def pictures(source: Source, found: Audit, groups: Sequence[Group]) -> Callable[[str], bytes]:
    """Read the pictures that the page shows once more and give them by path, shrunk; copies are held once."""
    shown = (member.path for group in groups for member in group.members[:PICTURES_PER_GROUP])
    wanted = {path: found.contents[path] for path in shown}
    held: dict[str, bytes] = {}
    with quiet():
        for item in source.items(lambda path, _: path in wanted):
            if item.content is not None and wanted[item.path] not in held:
                held[wanted[item.path]] = shrink(as_bytes(item.content))
    return lambda path: held.get(wanted.get(path, ""), b"")
