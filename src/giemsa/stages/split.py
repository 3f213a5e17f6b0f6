"""Give every curated cell a side: training, validation or test."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from giemsa.curation.splits import SIDES, assign_sides
from giemsa.data.curated import read_curated, said_of_subjects, write_splits
from giemsa.data.manifest import read_manifest
from giemsa.errors import UsageError
from giemsa.progress import say
from giemsa.settings import Split
from giemsa.workspace import Workspace, whole


def run(workspace: Workspace, *, split: Split) -> None:
    """Write ``data/splits.parquet`` and ``reports/splits.json``.

    Raises:
        UsageError: if the manifest or the curated cells are missing, or do not fit each other.
    """
    manifest = read_manifest(workspace.manifest)
    columns = ("path", "label", "group", "subject", "batch_order", "drawn")
    kept = read_curated(workspace.curated, columns).to_pandas()
    named = {*kept["path"].tolist(), *kept["group"].tolist()}
    strangers = sorted(named.difference(manifest["path"].tolist()))
    if strangers:
        message = (
            f"{workspace.curated} names {len(strangers)} images that {workspace.manifest} does not know"
            f' (the first is {strangers[0]}): run "giemsa run deduplicate" again.'
        )
        raise UsageError(message)
    sides = assign_sides(manifest, kept, split, _copies(workspace.duplicates / "decisions.csv"))
    write_splits(workspace.splits, sides)
    summary = summarise(kept, sides, split)
    with whole(workspace.split_report) as partial:
        partial.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = ", ".join(f"{number:,} {side}" for side, number in summary["cells"].items())
    say(f"split: {counts}. {summary['subjects']}")


def _copies(decisions: Path) -> pd.DataFrame:
    """Read which images were dropped, and of which group they are."""
    try:
        table = pd.read_csv(decisions, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        message = f'{decisions} is missing: run "giemsa run deduplicate" again.'
        raise UsageError(message) from None
    return table[(table["decision"] == "dropped") & (table["group"] != "")]


def summarise(kept: pd.DataFrame, sides: pd.DataFrame, split: Split) -> dict[str, Any]:
    """Count cells by side and class, and say whether the split could be by patient.

    Args:
        kept: the curated cells: ``label``, ``subject`` and ``drawn``.
        sides: what ``assign_sides`` gave.
        split: the shares and the seed.
    """
    table = pd.crosstab(sides["label"], sides["side"]).reindex(columns=list(SIDES), fill_value=0)
    return {
        "seed": split.seed,
        "shares": {"validation": split.validation, "test": split.test},
        "drawn": bool(kept["drawn"].any()),
        "cells": {side: int(table[side].sum()) for side in SIDES},
        "classes": {str(label): {side: int(row[side]) for side in SIDES} for label, row in table.iterrows()},
        "without_class": len(kept) - len(sides),
        "groups": int(sides["group"].nunique()),
        "subjects": said_of_subjects(int(kept["subject"].isna().sum()), len(kept)),
    }
