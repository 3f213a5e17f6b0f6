"""Write the curated cells: one row per kept image with its duplicate group, and why others were dropped."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from giemsa.curation.classes import write_classes
from giemsa.curation.decisions import Decisions, decide, without_nan
from giemsa.curation.duplicates import find_copies
from giemsa.curation.gallery import write_gallery
from giemsa.curation.measuring import Measurements, original
from giemsa.curation.verdicts import read_verdicts
from giemsa.data.curated import TOLD, write_curated
from giemsa.data.manifest import read_manifest
from giemsa.errors import CheckFailedError
from giemsa.progress import say
from giemsa.settings import HERE, Compute, Deduplicate, Image
from giemsa.workspace import Workspace, whole


def run(workspace: Workspace, *, image: Image, deduplicate: Deduplicate, compute: Compute = HERE) -> None:
    """Deduplicate what the manifest lists, with a person's ``decisions.csv`` where there is one.

    Raises:
        UsageError: if ``decisions.csv`` is wrong.
        CheckFailedError: if a file below data/raw is gone or was changed, or nothing is kept.
    """
    manifest = read_manifest(workspace.manifest)
    readable = manifest[manifest["readable"]].reset_index(drop=True)
    measurements = Measurements(workspace.measurements, image, compute.workers, engine=compute.engine)
    # Another machine may have measured them: the manifest came with DVC, the cache did not.
    measurements.catch_up(workspace.raw, readable["path"].tolist(), readable["sha256"].tolist())
    copies = find_copies(readable, measurements.views, deduplicate, measurements.memory)
    decided = decide(readable, copies, deduplicate, image, read_verdicts(workspace.decisions))
    kept = decided.table["decision"] == "kept"
    _report(workspace.duplicates, manifest, decided, workspace.raw)
    if not kept.any():
        message = f"No image is kept: {workspace.duplicates / 'decisions.csv'} says why; correct the labels."
        raise CheckFailedError(message)
    rows = _rows(readable[kept], decided.table[kept])
    write_curated(
        workspace.curated, rows, lambda row: original(f"{workspace.raw}/{row['path']}", row["sha256"])
    )
    say(f"deduplicate: {kept.sum():,} of {len(manifest):,} images are kept")


def _rows(readable: pd.DataFrame, decided: pd.DataFrame) -> Iterator[dict[str, Any]]:
    told = without_nan(readable.assign(label=decided["label"], group=decided["group"])[TOLD.names])
    for values in zip(*(told[name].tolist() for name in TOLD.names), strict=True):
        yield dict(zip(TOLD.names, values, strict=True))


def _report(folder: Path, manifest: pd.DataFrame, decided: Decisions, raw: Path) -> None:
    unreadable = manifest[~manifest["readable"]]
    broken = list(zip(unreadable["path"], unreadable["reason"], strict=True))
    with whole(folder) as partial:
        partial.mkdir()
        summary = json.dumps(_summary(decided, len(unreadable)), indent=1)
        (partial / "summary.json").write_text(f"{summary}\n", "utf-8")
        table = _decisions(decided.table, unreadable)
        table.to_csv(partial / "decisions.csv", index=False, lineterminator="\n")
        kept = decided.table["decision"] == "kept"
        write_classes(partial, before=manifest["label"], after=decided.table["label"][kept])
        write_gallery(
            partial / "gallery.html",
            decided.groups,
            lambda path: original(raw / path),
            drawn=bool(manifest["drawn"].all()),
            unreadable=broken,
        )


def _summary(decided: Decisions, unreadable: int) -> dict[str, int]:
    groups = Counter(
        "junk" if group.junk else "conflict" if group.conflict else group.kind for group in decided.groups
    )
    kept = int((decided.table["decision"] == "kept").sum())
    persons = set(decided.table.loc[decided.table["by"] == "person", "path"])
    dropped = Counter(
        ("junk" if group.junk else "conflict") if group.conflict else "copies"
        for group in decided.groups
        for member in group.members
        if member.decision == "dropped" and member.path not in persons
    )
    return {
        "images": len(decided.table) + unreadable,
        "unreadable": unreadable,
        "kept": kept,
        "dropped": len(decided.table) - kept,
        **{f"dropped_{cause}": dropped[cause] for cause in ("junk", "conflict", "copies")},
        "by_person": len(persons),
        **{f"groups_{kind}": groups[kind] for kind in ("exact", "near", "conflict", "junk")},
    }


def _decisions(table: pd.DataFrame, unreadable: pd.DataFrame) -> pd.DataFrame:
    broken = unreadable[["path", "label"]].assign(
        decision="dropped",
        reason="cannot be read: " + unreadable["reason"].astype(str),
        group="",
        by="giemsa",
    )
    return pd.concat([table, broken]).sort_values("path", kind="stable")
