"""Score on other machines: the model's folder travels with the work and is unpacked where it arrives."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

from giemsa.data.sources import Item
from giemsa.registry.fingerprints import content_hash
from giemsa.registry.prediction import Predictor, ResolvedModel, Row

UNUSED = "network.keras"  # for training alone, and the largest file


@dataclass(frozen=True)
class TravellingModel:
    """A model's folder, packed.

    Args:
        content: the folder's hash; it alone tells models apart.
        files: each file's bytes by its name.
    """

    content: str
    files: dict[str, bytes] = field(compare=False, repr=False)

    @classmethod
    def pack(cls, model: ResolvedModel) -> Self:
        """Read the files that it takes to score."""
        files = {file.name: file.read_bytes() for file in model.bundle.iterdir() if file.name != UNUSED}
        return cls(content_hash(model.bundle), files)

    def judge(self, items: Sequence[Item]) -> list[Row]:
        """Decode and judge images, see ``judge``."""
        return judge(items, _unpacked(self))


def judge(items: Sequence[Item], predictor: Predictor) -> list[Row]:
    """Decode and judge images: a row each with ``path``, the predictor's columns, and ``true``."""
    views = [
        predictor.view(item.content) if item.content is not None else item.problem or "unreadable"
        for item in items
    ]
    rows = zip(items, predictor.judge(views), strict=True)
    return [{"path": item.path, **row, "true": item.label} for item, row in rows]


@lru_cache(maxsize=1)
def _unpacked(model: TravellingModel) -> Predictor:
    """Make a model ready to score on the one core that a task has."""
    with tempfile.TemporaryDirectory(prefix="giemsa-") as folder:
        for name, content in model.files.items():
            (Path(folder) / name).write_bytes(content)
        return Predictor(ResolvedModel(Path(folder), model.content, ""), pooled=False)
