"""Names that every file system takes."""

import unicodedata
from itertools import islice
from pathlib import PurePosixPath

from hypothesis import example, given
from hypothesis import strategies as st

from giemsa.data.naming import LONGEST_NAME, numbered, safe_name

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@given(ANY_TEXT)
@example("con .png")
@example("a." + "x" * 300)
@example("a" * 119 + " b.c")
def test_a_safe_name_is_one_plain_name_that_stays_as_it_is(text: str) -> None:
    name = safe_name(text)
    assert PurePosixPath(name).parts == (name,)
    assert name not in {".", ".."}
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not any(unicodedata.category(each)[0] == "C" for each in name)
    assert 0 < len(name.encode()) <= LONGEST_NAME
    assert safe_name(name) == name


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_letters_of_any_alphabet_stay(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    if len(composed.encode()) < 100:
        assert safe_name(f"細胞 {text}.png") == unicodedata.normalize("NFC", f"細胞 {text}.png")


def test_numbers_stand_before_the_suffix() -> None:
    assert list(islice(numbered("a.b.png"), 3)) == ["a.b.png", "a.b-2.png", "a.b-3.png"]
