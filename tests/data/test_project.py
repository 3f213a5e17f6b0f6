from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from giemsa.data.batches import bring_in
from giemsa.data.folders import FolderSource
from giemsa.data.project import BatchesSource, holds_batches
from giemsa.data.sources import open_source
from giemsa.settings import Image


def measured(items: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
    yield from ({"readable": True, "reason": None} for _ in items)


def brought(tmp_path: Path, image: Image, png: bytes) -> Path:
    """Bring one image of class ig in, and give data/raw."""
    (tmp_path / "cells/ig").mkdir(parents=True)
    (tmp_path / "cells/ig/a.png").write_bytes(png)
    raw = tmp_path / "data/raw"
    bring_in(FolderSource(tmp_path / "cells", image), raw, batch="first", measure=measured)
    return raw


def test_batches_keep_the_labels_under_which_they_came(tmp_path: Path, image: Image, png: bytes) -> None:
    raw = brought(tmp_path, image, png)
    source = open_source(raw, image)
    assert isinstance(source, BatchesSource)
    assert [(item.path, item.label, item.content) for item in source.items()] == [
        ("first/ig/a.png", "ig", png)
    ]
    assert (len(source), source.drawn) == (1, False)


def test_a_file_that_is_gone_is_listed(tmp_path: Path, image: Image, png: bytes) -> None:
    raw = brought(tmp_path, image, png)
    (raw / "first/ig/a.png").unlink()
    (item,) = BatchesSource(raw, image).items()
    assert item.content is None
    assert "cannot be opened" in str(item.problem)


def test_a_plain_folder_holds_no_batches(tmp_path: Path, image: Image, png: bytes) -> None:
    brought(tmp_path, image, png)
    assert not holds_batches(tmp_path / "cells")
    assert BatchesSource(tmp_path / "data/raw", image).fingerprint() != ""
