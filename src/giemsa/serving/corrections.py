"""Cells whose label a person corrected: kept in the inbox, where the next ingest finds them."""

import csv
import hashlib
import re
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock

from giemsa.curation.reading import UnreadableError, decode
from giemsa.data.naming import names_a_folder
from giemsa.errors import UsageError
from giemsa.registry.prediction import Predictor
from giemsa.workspace import whole

ENDINGS = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "BMP": "bmp", "WEBP": "webp"}
RECORD = "corrections.csv"
LONGEST = 120


@dataclass(frozen=True)
class Correction:
    """One line of ``inbox/corrections.csv``: which cell, what it is, who says so, and what the model said."""

    path: str
    label: str
    predicted: str
    confidence: float
    rejected: bool
    model: str
    data: str
    name: str
    who: str
    when: str
    sha256: str

    @classmethod
    def of(cls, content: bytes, *, name: str, label: str, who: str, predictor: Predictor) -> Self:
        """Describe a corrected cell.

        Raises:
            UsageError: if the label is no class of the model, nobody signs, or the image cannot be read.
        """
        signed = _one_line(who)
        if label not in predictor.classes:
            message = f"There is no class {label[:40]!r}: the classes are {', '.join(predictor.classes)}."
            raise UsageError(message)
        if not names_a_folder(label):
            message = f"No folder can be called {label[:40]!r}, as the class is: rename it and train again."
            raise UsageError(message)
        if not signed:
            message = "Nobody signs this correction: fill in who says so."
            raise UsageError(message)
        try:
            ending = ENDINGS[decode(content, predictor.scorer.image).format]
        except UnreadableError as error:
            message = f"The image cannot be read ({error}): send the file as the microscope wrote it."
            raise UsageError(message) from None
        (row,) = predictor.predict([content])
        digest = hashlib.sha256(content).hexdigest()
        return cls(
            path=f"{label}/{digest[:16]}.{ending}",
            label=label,
            predicted=row["label"],
            confidence=row["confidence"],
            rejected=row["rejected"],
            model=predictor.model.version,
            data=predictor.model.data,
            name=_one_line(name),
            who=signed,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            sha256=digest,
        )


def keep(inbox: Path, correction: Correction, content: bytes) -> None:
    """Put a corrected cell into the inbox, below its class, and add a line to the record.

    A cell that was corrected before moves to its new class; the record keeps both lines.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    with FileLock(inbox / ".lock"):
        target = inbox / correction.path
        with whole(target) as partial:
            partial.write_bytes(content)
        for earlier in inbox.glob(f"*/{target.name}"):
            if earlier != target:
                earlier.unlink()
        record = inbox / RECORD
        new = not record.exists()
        with record.open("a", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, [field.name for field in fields(Correction)], lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(asdict(correction))


def _one_line(text: str) -> str:
    # A leading = + - @ would make a spreadsheet run the text.
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip().lstrip("=+-@\t ")[:LONGEST]
