from pathlib import Path

import pandas as pd

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
