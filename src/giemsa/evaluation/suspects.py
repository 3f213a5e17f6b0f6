"""Cells whose label is likely wrong, for a person to look at."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from giemsa.curation.label_errors import LabelError, label_errors
from giemsa.evaluation.cells import Cells
from giemsa.evaluation.scoring import Scorer
from giemsa.evaluation.thumbnails import Thumbnail, view_uri

SHOWN = 24
COLUMNS = ("path", "label", "likely", "own", "other")


def suspects(scorer: Scorer, sides: Sequence[Cells]) -> tuple[list[LabelError], list[Thumbnail]]:
    """List the cells whose label is likely wrong, surest first, and picture the first of them.

    Args:
        scorer: a model whose convolutions never saw the labels, such as a frozen pretrained one.
        sides: cells that training may look at; never the test side.
    """
    paths, names, groups = (
        [entry for side in sides for entry in getattr(side, field)] for field in ("paths", "names", "groups")
    )
    features = np.concatenate([scorer.activations(side.views)[1] for side in sides])
    found = label_errors(paths, names, groups, features)
    views = {path: view for side in sides for path, view in zip(side.paths, side.views, strict=True)}
    shown = [
        Thumbnail(each.path, each.label, each.likely, each.other, "", view_uri(views[each.path]))
        for each in found[:SHOWN]
    ]
    return found, shown


def write_suspects(path: Path, found: Sequence[LabelError]) -> None:
    """Write the whole list as a table for other programs; with no suspect it holds the header alone."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(each, name) for name in COLUMNS] for each in found)
