"""Sources become batches: append-only, whole or not at all, safe names, the same bytes every time."""

import errno
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image as Pillow

from giemsa.data.batches import (
    INCOMING,
    RECORD,
    RECORD_FILE,
    Brought,
    _batch_name,
    bring_in,
    read_records,
)
from giemsa.data.folders import FolderSource
from giemsa.data.naming import safe_name
from giemsa.data.sources import Item
from giemsa.errors import UsageError
from giemsa.settings import Image
from tests.data.pictures import Pictures, cells, png, unmeasured


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data" / "raw"


def bring(raw: Path, items: list[Item], *, batch: str | None = None, name: str = "march") -> Brought:
    return bring_in(Pictures(items, name), raw, batch=batch, measure=unmeasured)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def images(folder: Path) -> dict[str, bytes]:
    return {path: content for path, content in contents(folder).items() if not path.endswith(RECORD_FILE)}


def test_a_source_becomes_a_batch_of_its_original_bytes(raw: Path) -> None:
    items = cells("ig/a.png", "ig/b.png", "platelet/a.png")
    assert bring(raw, items) == Brought("march", 3, 3, ())
    assert images(raw) == {f"march/{item.path}": item.content for item in items}


def test_the_record_tells_where_each_image_came_from(raw: Path) -> None:
    item = Item("ig/a.png", "ig", png(1), subject="patient 7")
    bring(raw, [item])
    (record,) = read_records(raw)
    assert record.schema.equals(RECORD)
    assert record.to_pylist() == [
        {
            "path": "march/ig/a.png",
            "batch": "march",
            "batch_order": 1,
            "label": "ig",
            "source": "ig/a.png",
            "subject": "patient 7",
            "drawn": False,
            "sha256": hashlib.sha256(png(1)).hexdigest(),
            "bytes": len(png(1)),
            "problem": None,
        }
    ]


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        bring(tmp_path / folder / "raw", cells("ig/a.png", "platelet/b.png"))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_batch_that_was_taken_away_takes_its_place_again(raw: Path) -> None:
    orders: dict[str, int] = {}
    for name in ("march", "april", "may"):
        bring(raw, cells(f"ig/{name}.png"), name=name)
        orders[name] = len(orders) + 1
    shutil.rmtree(raw / "march")
    for name in ("march", "june"):
        source = Pictures(cells(f"ig/{name}.png", f"ig/{name}-2.png"), name)
        bring_in(source, raw, batch=None, measure=unmeasured, formerly=orders)
    found = {record["batch"][0].as_py(): record["batch_order"][0].as_py() for record in read_records(raw)}
    assert found == {"march": 1, "april": 2, "may": 3, "june": 4}


def test_the_same_source_twice_adds_nothing_and_is_not_read_again(raw: Path) -> None:
    bring(raw, cells("ig/a.png", "ig/b.png"))
    before = contents(raw)
    again = Pictures(cells("ig/a.png", "ig/b.png"))
    assert bring_in(again, raw, batch="other", measure=unmeasured) == Brought("march", 2, 0, ())
    assert again.read == 0
    assert contents(raw) == before


def test_a_grown_source_adds_only_what_is_new(raw: Path) -> None:
    bring(raw, cells("ig/a.png", "ig/b.png"))
    before = contents(raw)
    assert bring(raw, cells("ig/a.png", "ig/b.png", "ig/c.png")) == Brought("march-2", 3, 1, ())
    assert bring(raw, cells("ig/a.png", "ig/b.png", "ig/c.png", "ig/d.png")).batch == "march-3"
    after = contents(raw)
    assert {path: after[path] for path in before} == before
    assert set(images(raw)) - set(before) == {"march-2/ig/c.png", "march-3/ig/d.png"}
    assert [record["batch_order"][0].as_py() for record in read_records(raw)] == [1, 2, 3]


def test_a_shrunk_source_adds_nothing_and_names_the_batch_that_holds_it(raw: Path) -> None:
    bring(raw, cells("ig/a.png", "ig/b.png"))
    assert bring(raw, cells("ig/a.png")) == Brought("march", 1, 0, ())
    assert [folder.name for folder in raw.iterdir()] == ["march"]


def test_a_changed_image_is_new_and_its_old_bytes_stay(raw: Path) -> None:
    bring(raw, cells("ig/a.png", shade=10))
    assert bring(raw, cells("ig/a.png", shade=20)).new == 1
    assert images(raw) == {"march/ig/a.png": png(10), "march-2/ig/a.png": png(20)}


def test_what_was_set_aside_comes_in_as_soon_as_it_can_be_read(tmp_path: Path, image: Image) -> None:
    for name in "abc":
        (tmp_path / "lab" / "ig").mkdir(parents=True, exist_ok=True)
        (tmp_path / "lab" / "ig" / f"{name}.png").write_bytes(png(ord(name)))
    raw = tmp_path / "raw"

    def brought(max_bytes: int) -> Brought:
        source = FolderSource(tmp_path / "lab", image.model_copy(update={"max_bytes": max_bytes}))
        return bring_in(source, raw, batch="named" if max_bytes > 10 else None, measure=unmeasured)

    assert len(brought(10).unreadable) == 3
    assert brought(10) == Brought("lab", 3, 0, ())
    assert brought(1000) == Brought("named", 3, 3, ())
    assert brought(1000) == Brought("named", 3, 0, ())


def described(item: Item, label: str | None, subject: str | None) -> Item:
    return replace(item, label=label, subject=subject)


@pytest.mark.parametrize(("label", "subject"), [("monocyte", "P1"), ("ig", "P2")])
def test_another_label_or_subject_of_a_known_image_is_refused(raw: Path, label: str, subject: str) -> None:
    first, second, third = cells("ig/a.png", "ig/b.png", "ig/c.png")
    bring(raw, [described(first, "ig", "P1"), described(second, "ig", None), third])
    before = contents(raw)
    again = [first, described(second, label, subject), described(third, label, subject), *cells("ig/d.png")]
    with pytest.raises(
        UsageError,
        match=r"2 images are here already .* ig/b\.png as data/raw/march/ig/b\.png first; .*decisions\.csv",
    ):
        bring(raw, again)
    assert contents(raw.parent) == {f"raw/{path}": content for path, content in before.items()}


def test_a_source_that_tells_no_label_or_subject_any_more_is_no_news(raw: Path) -> None:
    known, new = cells("ig/a.png", "ig/b.png")
    bring(raw, [described(known, "ig", "P1")])
    assert bring(raw, [described(known, None, None), new]).new == 1


def test_a_named_batch_takes_only_what_is_new_from_another_source(raw: Path) -> None:
    bring(raw, cells("ig/a.png"), batch="lab", name="export-1.zip")
    assert bring(raw, cells("ig/a.png", "ig/b.png"), batch="lab", name="export-2.zip") == Brought(
        "lab-2", 2, 1, ()
    )


def test_another_source_with_the_same_images_is_a_batch_of_its_own(raw: Path) -> None:
    bring(raw, cells("ig/a.png"), name="march")
    assert bring(raw, cells("ig/a.png", "ig/b.png"), name="april") == Brought("april", 2, 2, ())


def test_the_order_goes_on_where_a_batch_was_removed(raw: Path) -> None:
    for number, name in enumerate(("a", "b")):
        bring(raw, cells("ig/a.png", shade=number), name=name)
    for file in sorted((raw / "a").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (raw / "a").rmdir()
    bring(raw, cells("ig/a.png", shade=9), name="c")
    assert [record["batch_order"][0].as_py() for record in read_records(raw)] == [2, 3]


def test_a_folder_that_is_no_batch_is_left_alone(raw: Path) -> None:
    (raw / "march").mkdir(parents=True)
    (raw / "march" / "mine.txt").write_text("mine")
    assert bring(raw, cells("ig/a.png")).batch == "march-2"
    assert (raw / "march" / "mine.txt").read_text() == "mine"


def test_rows_of_an_array_are_kept_as_png_without_loss(raw: Path) -> None:
    rng = np.random.default_rng(2)
    rgb, grey = rng.integers(0, 256, (9, 7, 3), np.uint8), rng.integers(0, 256, (9, 7), np.uint8)
    bring(raw, [Item("set.npz#0", "ig", rgb), Item("set.npz#12", "ig", grey)])
    kept = images(raw)
    assert set(kept) == {"march/ig/set-000000.png", "march/ig/set-000012.png"}
    for name, pixels in (("set-000000.png", rgb), ("set-000012.png", grey)):
        with Pillow.open(io.BytesIO(kept[f"march/ig/{name}"])) as picture:
            assert np.array_equal(np.asarray(picture), pixels)


def test_what_cannot_be_read_is_kept_and_told(raw: Path) -> None:
    items = [
        Item("ig/broken.png", "ig", b"no picture"),
        Item("ig/fine.png", "ig", png(1)),
        Item("ig/link.png", "ig", None, "a link, which is not followed"),
    ]
    brought = bring(raw, items)
    assert sorted(brought.unreadable) == [
        ("ig/broken.png", "not an image"),
        ("ig/link.png", "a link, which is not followed"),
    ]
    assert images(raw)["march/ig/broken.png"] == b"no picture"
    (record,) = read_records(raw)
    (link,) = (row for row in record.to_pylist() if row["source"] == "ig/link.png")
    assert (link["sha256"], link["bytes"], link["problem"]) == (None, None, "a link, which is not followed")


def test_images_without_a_label_and_in_deeper_folders_find_a_place(raw: Path) -> None:
    bring(raw, [*cells("top.png"), Item("set/ig/slide 1/a.png", "ig", png(1))])
    assert set(images(raw)) == {"march/_unlabelled/top.png", "march/ig/slide 1__a.png"}


def test_names_that_a_file_system_cannot_tell_apart_are_numbered(raw: Path) -> None:
    bring(raw, cells("ig/a.png", "ig/A.png", "ig/a?.png", "ig/a*.png"))
    names = {path.removeprefix("march/ig/") for path in images(raw)}
    assert names == {"a.png", "A-2.png", "a_.png", "a_-2.png"}


HOSTILE = [
    ("../../escape.png", ".."),
    ("/etc/passwd.png", "/etc"),
    ("C:\\windows\\x.png", "C:\\windows"),
    ("ig/..\\..\\x.png", "ig"),
    ("ig/\0\n\x1b[31m.png", "ig\0"),
    ("ig/" + "ü" * 400 + ".png", "ü" * 400),
    ("con/nul.png", "con"),
    ("./.hidden.png", "."),
]


def test_hostile_names_stay_inside_the_batch(raw: Path, tmp_path: Path) -> None:
    bring(raw, [Item(path, label, png(number)) for number, (path, label) in enumerate(HOSTILE)])
    written = [path for path in contents(tmp_path) if not path.endswith(RECORD_FILE)]
    assert len(written) == len(HOSTILE)
    for path in written:
        data, folder, batch, _label, _name = path.split("/")
        assert (data, folder, batch) == ("data", "raw", "march")
    (record,) = read_records(raw)
    assert {f"data/raw/{path}" for path in record["path"].to_pylist()} == set(written)


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "_batch", "", "con", "a\n"])
def test_a_name_that_no_folder_could_have_is_refused(raw: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a batch"):
        bring(raw, cells("ig/a.png"), batch=name)
    assert not raw.exists()


@given(st.text(st.characters(codec=None), max_size=300))
@example("con")
@example("...")
def test_any_source_has_a_batch_name_of_its_own_kind(text: str) -> None:
    name = _batch_name(None, Pictures([], text))
    assert name == safe_name(name) == _batch_name(name, Pictures([]))


def test_a_failure_in_the_middle_leaves_no_batch(raw: Path) -> None:
    def failing(items: Iterable[tuple[str, bytes]]) -> Iterator[dict[str, Any]]:
        for number, row in enumerate(unmeasured(items)):
            if number == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield row

    source = Pictures(cells("ig/a.png", "ig/b.png", "ig/c.png", "ig/d.png"))
    with pytest.raises(UsageError, match=r"raw cannot take the batch \(No space left on device\)"):
        bring_in(source, raw, batch=None, measure=failing)
    assert contents(raw.parent) == {}
    assert read_records(raw) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from giemsa.data.batches import bring_in
from tests.data.pictures import Pictures, cells, unmeasured

def killing(items):
    for number, row in enumerate(unmeasured(items)):
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row

bring_in(Pictures(cells("ig/a.png", "ig/b.png", "ig/c.png")), Path(sys.argv[1]), batch=None, measure=killing)
"""


def test_a_process_killed_in_the_middle_leaves_no_batch_and_the_next_clears_up(raw: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(raw)],
        check=False,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL
    assert len(contents(raw.parent / INCOMING)) == 3
    assert read_records(raw) == []
    bring(raw, cells("platelet/x.png"), name="another")
    assert not (raw.parent / INCOMING).exists()
    assert set(images(raw)) == {"another/platelet/x.png"}


def test_a_damaged_record_is_one_sentence(raw: Path) -> None:
    bring(raw, cells("ig/a.png"))
    record = raw / "march" / RECORD_FILE
    record.write_bytes(record.read_bytes()[:100])
    with pytest.raises(UsageError, match=f"{RECORD_FILE} is damaged.*dvc checkout"):
        read_records(raw)
