"""Which patient or slide an image comes from, as a table beside the images tells it."""

import pytest

from giemsa.data.subjects import match_subjects, read_subjects
from giemsa.errors import UsageError

PATHS = ["set/cellules ge\u0301antes/1.jpg", "set/ig/1.jpg", "set/ig/2.jpg"]


def test_subjects_are_read_from_a_table_with_a_byte_order_mark_and_backslashes() -> None:
    content = "\ufeffpath,subject,age\r\nig\\1.jpg, P7 ,40\r\nig/2.jpg,,41\r\n".encode()
    assert read_subjects(content, "metadata.csv") == {"ig/1.jpg": "P7"}


@pytest.mark.parametrize(
    "content", [b"file,patient\na,b\n", b"", b"path,subject\n\xff\xfe,1\n", b'path,subject\n"a,b\n']
)
def test_a_table_of_subjects_without_its_columns_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"set/metadata\.csv"):
        read_subjects(content, "set/metadata.csv")


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
