import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from giemsa.curation.audit import audit, content_key, measured
from giemsa.curation.audit_report import for_review, pictures, write_json
from giemsa.curation.gallery_pictures import SIDE
from giemsa.curation.hashing import dhash
from giemsa.curation.label_errors import LabelError
from giemsa.curation.measuring import Measurements
from giemsa.curation.oddities import Oddity
from giemsa.data import folders, sources
from giemsa.data.sources import open_source
from giemsa.errors import UsageError
from giemsa.settings import Deduplicate, Image, Validate

Pixels = NDArray[np.uint8]
IMAGE = Image(size=96, crop_px=200, max_pixels=1_000_000, max_bytes=1_000_000)
SETTINGS = Deduplicate(max_distance=8, min_similarity=0.9, symmetries=True, junk_copies=5)

LIMITS = Validate(
    min_classes=2,
    min_per_class=10,
    max_imbalance=50,
    min_side_px=24,
    max_unreadable=0.2,
    brightness=(0.1, 0.98),
    sharpness_min=0.00005,
    max_outside=0.05,
    critical=(),
)


@pytest.fixture
def folder(tmp_path: Path, cell: Callable[..., Pixels]) -> Path:
    for seed in range(12):
        save(tmp_path / "in" / ("ig" if seed % 2 else "monocyte") / f"{seed}.png", cell(seed))
    return tmp_path / "in"


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(pixels).save(path)


def test_copies_conflicts_and_broken_files_are_all_named(folder: Path, cell: Callable[..., Pixels]) -> None:
    save(folder / "ig" / "copy.bmp", cell(1))
    save(folder / "ig" / "twin.png", cell(2))
    (folder / "ig" / "cut.png").write_bytes((folder / "ig" / "1.png").read_bytes()[:200])
    (folder / "ig" / "empty.jpg").touch()
    found = audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS)
    assert found.images == 16
    assert [path for path, _ in found.unreadable] == ["ig/cut.png", "ig/empty.jpg"]
    told = {tuple(sorted(member.path for member in group.members)): group for group in found.groups}
    assert set(told) == {("ig/1.png", "ig/copy.bmp"), ("ig/twin.png", "monocyte/2.png")}
    assert told["ig/twin.png", "monocyte/2.png"].conflict
    assert told["ig/1.png", "ig/copy.bmp"].keep == "ig/1.png"


def test_junk_that_repeats_is_a_conflict_of_which_none_is_kept(folder: Path) -> None:
    junk = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    for number in range(6):
        save(folder / ("ig" if number % 2 else "monocyte") / f"junk{number}.png", junk)
    (group,) = audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS).groups
    assert group.junk
    assert group.conflict
    assert group.keep is None


def test_images_that_another_source_holds_are_leaks(
    folder: Path, tmp_path: Path, cell: Callable[..., Pixels]
) -> None:
    save(tmp_path / "test" / "seen.png", cell(3)[:, ::-1])
    save(tmp_path / "test" / "new.png", cell(50))
    found = audit(
        open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS, against=open_source(tmp_path / "test", IMAGE)
    )
    assert [(leak.paths, leak.against) for leak in found.leaks] == [(("ig/3.png",), ("seen.png",))]
    assert found.groups == ()
    assert found.images == 12


def test_odd_images_are_pointed_at(folder: Path) -> None:
    save(folder / "ig" / "black.png", np.zeros((96, 96, 3), np.uint8))
    odd = audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS).odd
    assert [(each.path, each.issue) for each in odd] == [
        ("ig/black.png", "nearly constant"),
        ("ig/black.png", "too dark"),
    ]


def test_rows_of_an_npz_are_named_by_file_and_row(tmp_path: Path, cell: Callable[..., Pixels]) -> None:
    images = np.stack([cell(1), cell(2), cell(1)])
    np.savez(tmp_path / "cells.npz", images=images, labels=np.array(["ig", "ig", "ig"]))
    (group,) = audit(open_source(tmp_path / "cells.npz", IMAGE), IMAGE, SETTINGS, LIMITS).groups
    assert [member.path for member in group.members] == ["cells.npz#0", "cells.npz#2"]


def test_a_source_of_nothing_but_broken_files_is_audited_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no")
    found = audit(open_source(tmp_path, IMAGE), IMAGE, SETTINGS, LIMITS)
    assert found.images == len(found.unreadable) == 1
    assert found.groups == ()


def test_a_source_of_nothing_but_links_is_audited_too(tmp_path: Path) -> None:
    (tmp_path / "in" / "ig").mkdir(parents=True)
    (tmp_path / "in" / "ig" / "a.png").symlink_to("/etc/passwd")
    found = audit(open_source(tmp_path / "in", IMAGE), IMAGE, SETTINGS, LIMITS)
    assert found.unreadable == (("ig/a.png", "a link, which is not followed"),)
    assert (found.images, found.groups, found.odd) == (1, (), ())


@pytest.mark.parametrize("broken", ["file", "link"])
def test_what_cannot_be_read_does_not_round_the_hashes_of_the_others(folder: Path, broken: str) -> None:
    beside = folder / "ig" / "z.png"
    beside.write_bytes(b"no") if broken == "file" else beside.symlink_to("/etc/passwd")
    table = measured(open_source(folder, IMAGE), Measurements(None, IMAGE), order=1)
    expected = {path: dhash(Pillow.open(folder / path)) for path in table["path"] if path != "ig/z.png"}
    read = table[table["readable"]]
    assert dict(zip(read["path"], read["dhash"], strict=True)) == expected
    assert table["path"][~table["readable"]].tolist() == ["ig/z.png"]


def test_the_findings_are_json_by_the_contract(
    folder: Path, tmp_path: Path, cell: Callable[..., Pixels]
) -> None:
    save(folder / "ig" / "twin.png", cell(2))
    (folder / "ig" / "empty.jpg").touch()
    target = tmp_path / "out" / "found.json"
    write_json(target, audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS))
    told = json.loads(target.read_text("utf-8"))
    assert told["images"] == 14
    assert told["unreadable"] == [{"path": "ig/empty.jpg", "reason": "empty file (0 bytes)"}]
    (group,) = told["groups"]
    assert group["kind"] == "exact"
    assert sorted(zip(group["paths"], group["labels"], strict=True)) == [
        ("ig/twin.png", "ig"),
        ("monocyte/2.png", "monocyte"),
    ]
    assert group["conflict"] is True
    assert group["keep"] is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    found = audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS)
    with pytest.raises(UsageError, match="cannot be written"):
        write_json(tmp_path / "file" / "found.json", found)


def test_the_page_gets_each_groups_pictures(tmp_path: Path, cell: Callable[..., Pixels]) -> None:
    np.savez(tmp_path / "cells.npz", images=np.stack([cell(1)] * 12), labels=np.array(["ig"] * 12))
    source = open_source(tmp_path / "cells.npz", IMAGE)
    found = audit(source, IMAGE, SETTINGS, LIMITS)
    show = pictures(source, found, found.groups)
    with Pillow.open(io.BytesIO(show("cells.npz#0"))) as small:
        assert small.size == (SIDE, SIDE)
    assert show("cells.npz#1") == show("cells.npz#0")
    assert show("cells.npz#11") == show("elsewhere") == b""


def test_whose_label_or_look_is_doubtful_stands_alone_for_review(folder: Path) -> None:
    found = audit(open_source(folder, IMAGE), IMAGE, SETTINGS, LIMITS)
    first, second = sorted(found.contents)[:2]
    odd = (Oddity(first, "blurred", 0.00002), Oddity(first, "too dark", 0.05))
    suspects = [LabelError(second, "ig", "monocyte", 0.02, 0.97)]
    groups = for_review(replace(found, odd=odd), suspects)
    assert groups[: len(found.groups)] == list(found.groups)
    doubtful, strange = groups[len(found.groups) :]
    assert (doubtful.kind, doubtful.keep) == ("label", second)
    assert doubtful.members[0].reason == "likely monocyte, not ig (97% against 2%)"
    assert (strange.kind, strange.members[0].path) == ("odd", first)
    assert strange.members[0].reason == "blurred (2e-05); too dark (0.05)"
    assert strange.members[0].label == found.labels[first]


def measured_anew(folder: Path, known: Path) -> pd.DataFrame:
    """Measure ``folder`` as a new process would, with what ``known`` remembers."""
    measurements = Measurements(known, IMAGE)
    return measured(open_source(folder, IMAGE), measurements, order=1, memory=measurements.memory)


def test_a_file_is_read_again_only_after_a_change(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Callable[..., Pixels]
) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    reading = Mock(side_effect=sources.read_file)
    monkeypatch.setattr(folders, "read_file", reading)

    def again() -> tuple[pd.DataFrame, list[str]]:
        reading.reset_mock()
        table = measured_anew(folder, tmp_path / "known")
        return table, [call.args[0].name for call in reading.call_args_list]

    first, read = again()
    assert len(read) == 12
    same, read = again()
    pd.testing.assert_frame_equal(same, first)
    assert read == []
    changed = folder / "ig" / "1.png"
    before, content = changed.stat(), bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 0xFF
    changed.write_bytes(content)  # as large as before, and made to look as old
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    save(folder / "ig" / "new.png", cell(50))
    other, read = again()
    assert sorted(read) == ["1.png", "new.png"]
    assert len(other) == 13
    assert other.set_index("path")["sha256"]["ig/1.png"] == content_key(bytes(content))


def test_a_file_whose_measurements_are_lost_is_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    known = tmp_path / "known"
    for _ in range(2):
        assert measured_anew(folder, known)["readable"].sum() == 12
        memory = Measurements(known, IMAGE).memory
        for part in memory.parent.iterdir():
            if part != memory:
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def test_files_that_change_places_during_an_audit_are_not_taken_for_each_other(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    for _ in range(2):
        known = Measurements(tmp_path / "known", IMAGE)
        source = open_source(folder, IMAGE)
        if not known.memory.is_dir():
            (folder / "ig").rename(folder / "aside")
            (folder / "monocyte").rename(folder / "ig")
            (folder / "aside").rename(folder / "monocyte")
        table = measured(source, known, order=1, memory=known.memory)
    told = dict(table.loc[table["readable"], ["path", "sha256"]].itertuples(index=False, name=None))
    assert told == {path: content_key((folder / path).read_bytes()) for path in told}
    assert len(told) == 12


def test_a_file_changed_just_now_is_read_again(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        measured_anew(folder, tmp_path / "known")
        (kept,) = Measurements(tmp_path / "known", IMAGE).memory.glob("*.parquet")
        assert len(pd.read_parquet(kept)) == 0


def test_equal_bytes_in_another_shape_are_another_content() -> None:
    pixels = np.arange(24, dtype=np.uint8)
    assert content_key(pixels.reshape(4, 6)) != content_key(pixels.reshape(6, 4))
    assert content_key(b"x") == content_key(b"x")
