"""A project's own batches as a source: images with the labels under which they were brought in."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from giemsa.data.batches import RECORD_FILE, read_records
from giemsa.data.sources import Item, Wanted, everything, read_file, stamp_of
from giemsa.settings import Image


def holds_batches(folder: Path) -> bool:
    """Tell whether ``folder`` is a project's ``data/raw``."""
    return next(folder.glob(f"*/{RECORD_FILE}"), None) is not None


class BatchesSource:
    """All images below ``data/raw``, by path.

    Args:
        raw: the folder of all batches.
        image: limits on size; larger files become items with a problem.

    Raises:
        UsageError: if a batch's record is damaged, or names a place outside ``raw``.
    """

    def __init__(self, raw: Path, image: Image) -> None:
        rows = [row for record in read_records(raw) for row in record.to_pylist()]
        self.name = raw.name
        self.drawn = all(row["drawn"] for row in rows)
        self.skipped = 0
        self._raw, self._image = raw, image
        self._rows = sorted(rows, key=lambda row: str(row["path"]))

    def fingerprint(self) -> str:
        """Tell these batches from others by what their records say."""
        facts = [f"{row['path']} {row['sha256']}" for row in self._rows]
        return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogateescape")).hexdigest()

    def __len__(self) -> int:
        return len(self._rows)

    def items(self, wanted: Wanted = everything) -> Iterator[Item]:
        """Read the images by path; what cannot be read comes with its problem."""
        for row in self._rows:
            file, stamp = self._raw / row["path"], None
            content, problem = None, row["problem"]
            if row["sha256"] is not None:
                with suppress(OSError):  # reading it says what is wrong
                    stamp = stamp_of(file.lstat())
                if wanted(row["path"], stamp):
                    content, problem, stamp = read_file(file, self._image)
            yield Item(row["path"], row["label"], content, problem, row["subject"], stamp)
