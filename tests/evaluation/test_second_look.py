from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.audit import Audit, audit
from giemsa.data.sources import Item, Source, open_source
from giemsa.evaluation.scoring import Scorer
from giemsa.evaluation.second_look import second_look
from giemsa.settings import params_or_defaults

PARAMS = params_or_defaults(Path(__file__).parents[2] / "params.yaml")
KINDS = ("ig", "monocyte")
EACH = 60


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """120 small pictures of noise under two classes; the first pixel's red says which one is meant."""
    random = np.random.default_rng(0)
    for row in range(2 * EACH):
        folder = tmp_path / "cells" / KINDS[row % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        pixels[0, 0, 0] = 255 * (row % 2)
        Pillow.fromarray(pixels).save(folder / f"{row:03d}.png")
    return tmp_path / "cells"


def plant(cells: Path, name: str, red: int) -> None:
    pixels = np.random.default_rng(red).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels[0, 0] = red, 0, 77
    Pillow.fromarray(pixels).save(cells / name)


def eyes() -> Scorer:
    """A model that looks at the first pixel alone: red is the class, 77 in blue something else altogether."""
    random = np.random.default_rng(0)

    def activations(views: NDArray[np.uint8]) -> tuple[None, NDArray[np.float32]]:
        first = views[:, 0, 0].astype(np.float32) / 255
        strange = (views[:, 0, 0, 2] == 77) & (views[:, 0, 0, 0] == 128)
        features = random.normal(0, 0.02, (len(views), 40)).astype(np.float32)
        features[:, :3] += np.stack([first[:, 0], 1 - first[:, 0], 5.0 * strange], axis=1)
        return None, features

    image = PARAMS.image.model_copy(update={"size": 32})
    return Mock(spec=Scorer, activations=activations, image=image)


def audited(folder: Path) -> tuple[Source, Audit]:
    source = open_source(folder, PARAMS.image)
    return source, audit(source, PARAMS.image, PARAMS.deduplicate, PARAMS.validate_)


def test_a_wrong_label_and_a_stranger_are_named(cells: Path) -> None:
    plant(cells, "ig/wrong.png", 255)
    plant(cells, "monocyte/stranger.png", 128)
    look = second_look(*audited(cells), eyes())
    assert [(error.path, error.likely) for error in look.label_errors][:1] == [("ig/wrong.png", "monocyte")]
    assert [stranger.path for stranger in look.strangers] == ["monocyte/stranger.png"]
    assert look.strangers[0].value > 4.5


def test_right_labels_and_like_pictures_are_left_in_peace(cells: Path) -> None:
    look = second_look(*audited(cells), eyes())
    assert look.strangers == ()
    assert look.label_errors == ()


def test_copies_of_a_stranger_do_not_hide_each_other(cells: Path) -> None:
    for copy in range(9):
        plant(cells, f"ig/stranger{copy}.png", 128)
    found = second_look(*audited(cells), eyes())
    assert [stranger.path for stranger in found.strangers] == [f"ig/stranger{copy}.png" for copy in range(9)]


def test_unreadable_images_and_few_images_are_no_trouble(cells: Path) -> None:
    (cells / "ig" / "cut.png").write_bytes((cells / "ig" / "000.png").read_bytes()[:100])
    for row in range(40, 2 * EACH):
        (cells / KINDS[row % 2] / f"{row:03d}.png").unlink()
    look = second_look(*audited(cells), eyes())
    assert look.strangers == ()


def test_what_has_no_content_takes_no_other_pictures_features(
    cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, found = audited(cells)
    before = second_look(source, found, eyes())
    again = [Item("ig/000.png", "ig", None, "of a name that was there before"), *source.items()]
    monkeypatch.setattr(source, "items", lambda _: iter(again))
    assert second_look(source, found, eyes()) == before


def test_images_without_labels_have_no_wrong_ones(cells: Path) -> None:
    for kind in KINDS:
        for file in (cells / kind).iterdir():
            file.rename(cells / file.name)
        (cells / kind).rmdir()
    assert second_look(*audited(cells), eyes()).label_errors == ()
