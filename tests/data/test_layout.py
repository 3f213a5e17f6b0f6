"""Class labels and subjects from the places of files."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giemsa.data.layout import (
    class_labels,
    is_hidden,
    is_image,
    match_subjects,
    read_subjects,
    readable_name,
)
from giemsa.errors import UsageError


def test_the_folder_at_the_top_is_the_class() -> None:
    assert class_labels(["ig/1.jpg", "neutrophil/day 1/2.jpg"]) == ["ig", "neutrophil"]


def test_a_single_wrapping_folder_is_no_class() -> None:
    assert class_labels(["set/ig/1.jpg", "set/monocyte/1.jpg"]) == ["ig", "monocyte"]


@pytest.mark.parametrize("link", ["set/more", "more"])
def test_a_linked_folder_does_not_turn_the_wrapping_folder_into_a_class(link: str) -> None:
    assert class_labels(["set/ig/1.jpg", link, "set/monocyte/1.jpg"]) == ["ig", None, "monocyte"]


def test_a_single_class_folder_is_a_class() -> None:
    assert class_labels(["ig/1.jpg", "ig/slide 7/2.jpg"]) == ["ig", "ig"]


def test_an_image_outside_every_folder_has_no_label() -> None:
    assert class_labels(["1.jpg", "ig/2.jpg"]) == [None, "ig"]


def test_labels_come_in_composed_unicode() -> None:
    assert class_labels(["cellules ge\u0301antes/1.jpg"]) == ["cellules g\u00e9antes"]


@given(st.lists(st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2}){0,3}", fullmatch=True)))
def test_there_is_a_label_for_each_path_and_it_is_a_folder_of_it(paths: list[str]) -> None:
    labels = class_labels(paths)
    assert len(labels) == len(paths)
    assert all(
        label is None or label in path.split("/")[:-1] for path, label in zip(paths, labels, strict=True)
    )


@pytest.mark.parametrize("path", ["a.jpg", "x/B.JPEG", "c.tiff", "d.webp", "e.BMP", "ö/æ.png"])
def test_images_are_known_by_their_suffix(path: str) -> None:
    assert is_image(path)


@pytest.mark.parametrize(
    "path", [".a.jpg", "__MACOSX/a.jpg", ".git/a.png", "Thumbs.db", "b.zip", "jpg", "desktop.ini"]
)
def test_what_is_hidden_or_no_image_is_not_taken_for_one(path: str) -> None:
    assert not is_image(path)


def test_a_file_managers_own_files_are_hidden() -> None:
    assert is_hidden("ig/THUMBS.DB")
    assert not is_hidden("ig/thumbs.jpg")


def test_subjects_are_read_from_a_table_with_a_byte_order_mark_and_backslashes() -> None:
    content = "\ufeffpath,subject,age\r\nig\\1.jpg, P7 ,40\r\nig/2.jpg,,41\r\n".encode()
    assert read_subjects(content, "metadata.csv") == {"ig/1.jpg": "P7"}


@pytest.mark.parametrize(
    "content", [b"file,patient\na,b\n", b"", b"path,subject\n\xff\xfe,1\n", b'path,subject\n"a,b\n']
)
def test_a_table_of_subjects_without_its_columns_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"set/metadata\.csv"):
        read_subjects(content, "set/metadata.csv")


def test_names_that_are_no_unicode_stay_distinct() -> None:
    names = [readable_name(os.fsdecode(name)) for name in (b"a\xff.png", b"a\xfe.png", "\u00e4.png".encode())]
    assert names == ["a\\xff.png", "a\\xfe.png", "\u00e4.png"]


PATHS = ["set/cellules ge\u0301antes/1.jpg", "set/ig/1.jpg", "set/ig/2.jpg"]


@pytest.mark.parametrize(
    "row", ["set/ig/1.jpg", "./set/ig/1.jpg", "ig/1.jpg", "ig//1.jpg", "set/cellules g\u00e9antes/1.jpg"]
)
def test_a_row_names_an_image_from_the_top_or_from_the_wrapping_folder(row: str) -> None:
    (path,) = match_subjects({row: "P1"}, PATHS, "metadata.csv")
    assert path in PATHS
    assert path.endswith("1.jpg")


def test_rows_that_match_no_image_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"ig/1.jpg": "P1", "ig/7.jpg": "P2", "ig/8.jpg": "P2"}
    assert match_subjects(told, PATHS, "set/metadata.csv") == {"set/ig/1.jpg": "P1"}
    assert capsys.readouterr().err == "set/metadata.csv: 2 of 3 rows match no image here\n"


def test_a_table_of_which_no_row_matches_is_refused_by_its_first_row() -> None:
    with pytest.raises(
        UsageError, match=r"^set/metadata\.csv: no row names .* the first says 1\.jpg: correct it"
    ):
        match_subjects({"1.jpg": "P1", "2.jpg": "P2"}, PATHS, "set/metadata.csv")
