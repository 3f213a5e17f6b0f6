"""Images from a zip file that may be hostile."""

import stat
import zipfile
from pathlib import Path

import pytest

from giemsa.data import archives
from giemsa.data.sources import open_source
from giemsa.errors import UsageError
from giemsa.settings import Image


def make_zip(file: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file


def test_a_zip_is_read_like_a_folder(tmp_path: Path, image: Image, png: bytes) -> None:
    entries = {
        "set/ig/b.png": png,
        "set/ig/a.png": png,
        "set/monocyte/c.png": png,
        "set/read me.txt": b"hello",
    }
    hidden = {
        "__MACOSX/set/ig/._a.png": b"",
        "set/ig/inner.zip": png,
        "set/ig/film.gif": png,
        "metadata.csv": b"path,subject\nset/ig/a.png,P1\n",
    }
    source = open_source(make_zip(tmp_path / "lab.zip", entries | hidden), image)
    found = [(item.path, item.label, item.subject) for item in source.items()]
    assert found == [
        ("set/ig/a.png", "ig", "P1"),
        ("set/ig/b.png", "ig", None),
        ("set/monocyte/c.png", "monocyte", None),
    ]
    assert all(item.content == png for item in source.items())
    chosen = list(source.items(lambda path, _: path.endswith("a.png")))
    assert [item.content for item in chosen] == [png, None, None]
    assert (source.name, len(source), source.skipped) == ("lab", 3, 1)


@pytest.mark.parametrize(
    "name", ["../x.png", "ig/../../x.png", "/etc/x.png", "C:\\x.png", "..\\x.png", "a\0../x.png"]
)
def test_a_path_that_leaves_the_zip_refuses_the_whole(
    tmp_path: Path, image: Image, png: bytes, name: str
) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("ig/good.png", png)
        archive.writestr(info, png)
    with pytest.raises(UsageError, match=r"bad\.zip names a place outside itself"):
        open_source(tmp_path / "bad.zip", image)


def test_links_and_encrypted_entries_are_listed(tmp_path: Path, image: Image, png: bytes) -> None:
    file = tmp_path / "lab.zip"
    link = zipfile.ZipInfo("ig/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ig/a.png", png)
        archive.writestr("ig/locked.png", png)
        archive.writestr(link, "/etc/passwd")
    content = bytearray(file.read_bytes())
    # Set the flag "encrypted" of the second entry, in the central directory only.
    entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[entry + 8] |= 1
    file.write_bytes(content)
    problems = {item.path: item.problem for item in open_source(file, image).items()}
    assert problems["ig/a.png"] is None
    assert problems["ig/link.png"] == "a link, which is not followed"
    assert problems["ig/locked.png"] == "encrypted"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_entries_of_one_name_the_second_is_listed(tmp_path: Path, image: Image, png: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "lab.zip", "w") as archive:
        archive.writestr("ig/a.png", png)
        archive.writestr("ig/a.png", b"another")
        archive.writestr("ig/b.png", png)
    first, second, other = open_source(tmp_path / "lab.zip", image).items()
    assert [item.path for item in (first, second, other)] == ["ig/a.png", "ig/a.png", "ig/b.png"]
    assert (first.content, second.content, other.content) == (png, None, png)
    assert "second entry of this name" in str(second.problem)


def test_subjects_may_lie_in_the_wrapping_folder(tmp_path: Path, image: Image, png: bytes) -> None:
    entries = {"set/ig/a.png": png, "set/metadata.csv": b"path,subject\nig/a.png,P1\n"}
    source = open_source(make_zip(tmp_path / "lab.zip", entries), image)
    assert [item.subject for item in source.items()] == ["P1"]
    assert source.skipped == 0


def test_a_damaged_entry_is_listed_and_the_rest_is_read(tmp_path: Path, image: Image, png: bytes) -> None:
    file = make_zip(tmp_path / "lab.zip", {"ig/a.png": png, "ig/b.png": png[:40] + bytes(range(200))})
    content = bytearray(file.read_bytes())
    start = content.index(b"ig/b.png") + len(b"ig/b.png")
    content[start + 20 : start + 60] = b"\xff" * 40
    file.write_bytes(content)
    first, second = open_source(file, image).items()
    assert first.problem is None
    assert "cannot be unpacked" in str(second.problem)


def test_a_damaged_entry_of_an_lzma_zip_is_listed_too(tmp_path: Path, image: Image, png: bytes) -> None:
    file = tmp_path / "lab.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("ig/a.png", png)
    content = bytearray(file.read_bytes())
    start = content.index(b"ig/a.png") + len(b"ig/a.png")
    content[start + 4 : start + 9] = b"\xff" * 5  # what tells LZMA how to unpack
    file.write_bytes(content)
    (item,) = open_source(file, image).items()
    assert "cannot be unpacked" in str(item.problem)


def test_an_entry_above_the_limit_is_listed_unread(tmp_path: Path, image: Image) -> None:
    file = make_zip(tmp_path / "lab.zip", {"ig/huge.png": bytes(image.max_bytes + 1)})
    (item,) = open_source(file, image).items()
    assert item.content is None
    assert "more than image.max_bytes" in str(item.problem)


def test_a_bomb_is_refused(tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 50_000)
    file = make_zip(tmp_path / "bomb.zip", {f"ig/{n}.png": bytes(90_000) for n in range(4)})
    with pytest.raises(UsageError, match="bomb"):
        open_source(file, image)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + bytes(30)])
def test_what_is_no_zip_is_refused(tmp_path: Path, image: Image, content: bytes) -> None:
    (tmp_path / "broken.zip").write_bytes(content)
    with pytest.raises(UsageError, match=r"broken\.zip is not a whole zip file"):
        open_source(tmp_path / "broken.zip", image)


def test_the_fingerprint_is_the_bytes(tmp_path: Path, image: Image, png: bytes) -> None:
    first = open_source(make_zip(tmp_path / "one.zip", {"ig/a.png": png}), image).fingerprint()
    (tmp_path / "two.zip").write_bytes((tmp_path / "one.zip").read_bytes())
    assert open_source(tmp_path / "two.zip", image).fingerprint() == first
    assert open_source(make_zip(tmp_path / "three.zip", {"ig/b.png": png}), image).fingerprint() != first
