"""Images from a folder."""

import errno
import os
from pathlib import Path

import pytest

from giemsa.data import sources
from giemsa.data.folders import holds_images
from giemsa.data.sources import open_source
from giemsa.errors import UsageError
from giemsa.settings import Image


@pytest.fixture
def folder(tmp_path: Path, png: bytes) -> Path:
    for path in (
        "neutrophil/b.png",
        "neutrophil/a.png",
        "ig/c.jpg",
        "ig/notes.txt",
        "ig/Thumbs.db",
        ".trash/d.png",
    ):
        file = tmp_path / "cells" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png)
    return tmp_path / "cells"


def test_images_come_sorted_with_their_classes_and_bytes(folder: Path, image: Image, png: bytes) -> None:
    source = open_source(folder, image)
    found = [(item.path, item.label, item.content, item.problem) for item in source.items()]
    assert found == [
        ("ig/c.jpg", "ig", png, None),
        ("neutrophil/a.png", "neutrophil", png, None),
        ("neutrophil/b.png", "neutrophil", png, None),
    ]
    assert (source.name, source.drawn, len(source), source.skipped) == ("cells", False, 3, 0)


def test_pictures_of_other_kinds_are_counted_and_said(
    folder: Path, image: Image, png: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("d.gif", "e.DCM", "f.jfif", "notes.txt", ".g.gif"):
        (folder / "ig" / name).write_bytes(png)
    assert len(open_source(folder, image)) == 4
    assert "2 pictures left out" in capsys.readouterr().err


def test_no_name_is_no_source(image: Image) -> None:
    with pytest.raises(UsageError, match="No source is named"):
        open_source("", image)


def test_links_are_listed_and_never_followed(folder: Path, image: Image) -> None:
    (folder / "ig" / "link.png").symlink_to("/etc/passwd")
    (folder / "elsewhere").symlink_to(folder / "ig", target_is_directory=True)
    items = {item.path: item for item in open_source(folder, image).items()}
    assert len(items) == 5
    for path in ("ig/link.png", "elsewhere"):
        assert items[path].content is None
        assert items[path].problem == "a link, which is not followed"


def test_what_is_not_wanted_comes_without_content(folder: Path, image: Image) -> None:
    items = {item.path: item for item in open_source(folder, image).items(lambda path, _: path == "ig/c.jpg")}
    assert [path for path, item in items.items() if item.content is not None] == ["ig/c.jpg"]
    assert all(item.problem is None for item in items.values())


def test_a_loop_of_links_ends(folder: Path, image: Image) -> None:
    (folder / "ig" / "loop").symlink_to(folder, target_is_directory=True)
    assert len(open_source(folder, image)) == 4


def test_a_file_above_the_limit_is_listed_unread(folder: Path, image: Image) -> None:
    with (folder / "ig" / "huge.png").open("wb") as file:
        file.truncate(image.max_bytes + 1)
    items = {item.path: item for item in open_source(folder, image).items()}
    assert items["ig/huge.png"].content is None
    assert "100,001 bytes" in str(items["ig/huge.png"].problem)


def test_a_pipe_is_listed_and_not_waited_for(folder: Path, image: Image) -> None:
    os.mkfifo(folder / "ig" / "pipe.png")
    items = {item.path: item for item in open_source(folder, image).items()}
    assert items["ig/pipe.png"].problem == "not a regular file"


def test_a_file_that_vanishes_while_reading_is_listed(folder: Path, image: Image) -> None:
    source = open_source(folder, image)
    (folder / "ig" / "c.jpg").unlink()
    assert "No such file" in str(next(source.items()).problem)


def test_a_file_that_may_not_be_opened_is_listed(
    folder: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not stop root, under whom these tests may run: the refusal is the system's, played back.
    def refused(path: str, flags: int) -> int:  # noqa: ARG001
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    source = open_source(folder, image)
    monkeypatch.setattr(sources, "_no_link", refused)
    problems = [item.problem for item in source.items() if item.content is None]
    assert len(problems) == len(source)
    assert "cannot be opened (Permission denied)" in problems


def test_names_that_are_no_unicode_still_have_paths_of_their_own(
    folder: Path, image: Image, png: bytes
) -> None:
    for name in (b"\xff.png", b"\xfe.png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/ig/" + name)).write_bytes(png)
    paths = [item.path for item in open_source(folder, image).items()]
    assert {"ig/\\xff.png", "ig/\\xfe.png"} < set(paths)
    named = folder.rename(os.fsdecode(os.fsencode(folder.parent) + b"/m\xe4rz"))
    assert open_source(named, image).name == "m\\xe4rz"


def test_the_fingerprint_follows_names_sizes_and_times(folder: Path, image: Image, png: bytes) -> None:
    before = open_source(folder, image).fingerprint()
    assert open_source(folder, image).fingerprint() == before
    (folder / "ig" / "d.png").write_bytes(png)
    after = open_source(folder, image).fingerprint()
    assert after != before
    os.utime(folder / "ig" / "d.png", ns=(1, 1))
    assert open_source(folder, image).fingerprint() != after


def test_subjects_come_from_the_metadata_file(folder: Path, image: Image) -> None:
    (folder / "metadata.csv").write_text("path,subject\nig/c.jpg,patient 4\n", encoding="utf-8")
    source = open_source(folder, image)
    assert [item.subject for item in source.items()] == ["patient 4", None, None]


def test_a_folder_holds_images_where_a_file_is_named_like_one(tmp_path: Path, png: bytes) -> None:
    inbox = tmp_path / "inbox"
    assert not holds_images(inbox)
    (inbox / "ig.png").mkdir(parents=True)
    for clutter in (".DS_Store", "corrections.csv", "ig.png/._a.png"):
        (inbox / clutter).touch()
    assert not holds_images(inbox)
    (inbox / "ig.png" / "a.png").write_bytes(png)
    assert holds_images(inbox)


def test_subjects_may_lie_in_the_wrapping_folder(tmp_path: Path, folder: Path, image: Image) -> None:
    folder.rename(tmp_path / "set")
    (tmp_path / "set" / "metadata.csv").write_text("path,subject\nig/c.jpg,patient 4\n", encoding="utf-8")
    found = {item.path: item.subject for item in open_source(tmp_path, image).items() if item.subject}
    assert found == {"set/ig/c.jpg": "patient 4"}


@pytest.mark.parametrize("name", ["missing", "empty", "notes.txt"])
def test_what_is_no_source_is_refused_in_one_sentence(tmp_path: Path, image: Image, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("cells", encoding="utf-8")
    with pytest.raises(UsageError, match=name) as refusal:
        open_source(tmp_path / name, image)
    assert "\n" not in str(refusal.value)
