"""Class labels from the places of files."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giemsa.data.layout import class_labels, is_hidden, is_image, readable_name, wrapping_folder


def test_the_folder_at_the_top_is_the_class() -> None:
    assert class_labels(["ig/1.jpg", "neutrophil/day 1/2.jpg"]) == ["ig", "neutrophil"]


def test_a_single_wrapping_folder_is_no_class() -> None:
    assert class_labels(["set/ig/1.jpg", "set/monocyte/1.jpg"]) == ["ig", "monocyte"]


@pytest.mark.parametrize("link", ["set/more", "more"])
def test_a_linked_folder_does_not_turn_the_wrapping_folder_into_a_class(link: str) -> None:
    assert class_labels(["set/ig/1.jpg", link, "set/monocyte/1.jpg"]) == ["ig", None, "monocyte"]


@pytest.mark.parametrize("above", ["", "set/", "dataset2-master/images/"])
def test_the_sides_of_somebody_elses_split_are_no_classes(above: str) -> None:
    paths = [f"{above}{side}/{name}/1.jpg" for side in ("TRAIN", "TEST") for name in ("ig", "platelet")]
    assert class_labels(paths) == ["ig", "platelet"] * 2
    assert wrapping_folder(paths) == above
    assert class_labels([f"{above}train/1.jpg", f"{above}val/2.jpg"]) == [None, None]


def test_one_class_that_is_called_test_is_a_class() -> None:
    assert class_labels(["ig/1.jpg", "test/1.jpg"]) == ["ig", "test"]


def test_a_picture_beside_the_wrapping_folder_does_not_make_a_class_of_it() -> None:
    assert class_labels(["set/ig/1.jpg", "overview.png", "set/monocyte/1.jpg"]) == ["ig", None, "monocyte"]


def test_capitals_and_blanks_make_no_class_of_their_own() -> None:
    assert class_labels(["IG/1.jpg", "ig /1.jpg", "ig/2.jpg"]) == ["ig", "ig", "ig"]


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


def test_names_that_are_no_unicode_stay_distinct() -> None:
    names = [readable_name(os.fsdecode(name)) for name in (b"a\xff.png", b"a\xfe.png", "\u00e4.png".encode())]
    assert names == ["a\\xff.png", "a\\xfe.png", "\u00e4.png"]
