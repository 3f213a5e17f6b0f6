from pathlib import Path

import pandas as pd
from PIL import Image as Pillow

from giemsa.curation.classes import write_classes


def test_counts_before_and_after_stand_side_by_side(tmp_path: Path) -> None:
    write_classes(tmp_path, before=pd.Series(["b", "a", "a", None]), after=pd.Series(["a"]))
    assert (tmp_path / "classes.csv").read_text() == "class,before,after\na,2,1\nb,1,0\nno label,1,0\n"
    assert (tmp_path / "classes.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    labels = pd.Series(["ig", "monocyte"])
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_classes(tmp_path / name, before=labels, after=labels)
    assert (tmp_path / "one/classes.png").read_bytes() == (tmp_path / "two/classes.png").read_bytes()


def test_long_names_names_in_any_alphabet_and_empty_classes_are_drawn(tmp_path: Path) -> None:
    before = pd.Series(["лимфоцит", "x" * 300, "gone"])
    write_classes(tmp_path, before=before, after=before[:1])
    with Pillow.open(tmp_path / "classes.png") as picture:
        assert picture.width == 960
        colours = {colour for _, colour in picture.getcolors(picture.width * picture.height) or []}
    assert {(106, 61, 154), (185, 179, 201)} <= colours


def test_no_images_at_all_are_a_picture_without_bars(tmp_path: Path) -> None:
    nothing = pd.Series([], dtype=object)
    write_classes(tmp_path, before=nothing, after=nothing)
    assert (tmp_path / "classes.csv").read_text() == "class,before,after\n"
    assert (tmp_path / "classes.png").is_file()
