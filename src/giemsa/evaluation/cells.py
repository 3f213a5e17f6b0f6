"""The cells of one side of the split, ready to be scored."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import compress
from typing import Self

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from giemsa.curation.reading import load_views
from giemsa.data.curated import read_curated, read_splits, said_of_subjects
from giemsa.errors import CheckFailedError
from giemsa.settings import Image
from giemsa.workspace import Workspace


@dataclass(frozen=True)
class Cells:
    """One side of the split.

    Args:
        paths: of the originals, relative to ``data/raw``.
        names: class names as labelled, one a cell.
        groups: what stays together, copies of one cell and cells of one subject; one a cell.
        contents: SHA-256 of each original's bytes.
        views: shape ``(n, size, size, 3)``, RGB.
        subjects: whether the split could be by patient, in a sentence.
        drawn: whether every cell was drawn by a program.
    """

    paths: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    contents: tuple[str, ...]
    views: NDArray[np.uint8]
    subjects: str
    drawn: bool

    def labels(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Give class indices, shape ``(n,)``.

        Raises:
            CheckFailedError: if a cell's class is none of ``classes``.
        """
        index = {name: number for number, name in enumerate(classes)}
        if unknown := sorted(set(self.names) - set(index)):
            message = f"The model knows no class {', '.join(unknown)}: train it again on these data."
            raise CheckFailedError(message)
        return np.array([index[name] for name in self.names], np.int64)

    def without(self, seen: AbstractSet[str]) -> Self:
        """Leave out the cells whose content is in ``seen``."""
        left = np.array([content not in seen for content in self.contents], bool)
        return replace(
            self,
            paths=tuple(compress(self.paths, left)),
            names=tuple(compress(self.names, left)),
            groups=tuple(compress(self.groups, left)),
            contents=tuple(compress(self.contents, left)),
            views=self.views[left],
        )


def read_side(workspace: Workspace, side: str, image: Image) -> Cells:
    """Read the curated cells on one side: ``train``, ``validation`` or ``test``.

    Raises:
        CheckFailedError: if that side holds no cell.
        UsageError: if there are no curated cells or no splits.
    """
    sides = read_splits(workspace.splits)
    sides = sides[sides["side"] == side]
    group_of = dict(zip(sides["path"].tolist(), sides["group"].tolist(), strict=True))
    if not group_of:
        message = (
            f'{workspace.splits} puts no cell on the {side} side: bring in more cells with "giemsa ingest".'
        )
        raise CheckFailedError(message)
    table = read_curated(workspace.curated, ["path", "label", "subject", "drawn", "sha256", "image"])
    table = table.filter(pc.is_in(table["path"], value_set=pc.cast(list(group_of), "string")))
    paths = tuple(table["path"].to_pylist())
    return Cells(
        paths=paths,
        names=tuple(table["label"].to_pylist()),
        groups=tuple(group_of[path] for path in paths),
        contents=tuple(table["sha256"].to_pylist()),
        views=load_views(table["image"].to_pylist(), image),
        subjects=said_of_subjects(table["subject"].null_count, table.num_rows),
        drawn=all(table["drawn"].to_pylist()),
    )
