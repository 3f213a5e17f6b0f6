"""Every image gets exactly one row, whatever the image and however often the work was killed."""

import csv
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow.feather import read_table

from giemsa.data.sources import Item, Source, open_source
from giemsa.errors import UsageError
from giemsa.registry.prediction import Predictor, Row
from giemsa.serving import predicting
from giemsa.serving.predicting import ROWS_PER_PART, predict
from giemsa.settings import HERE
from tests.serving.conftest import jpeg


@pytest.fixture
def source(cells: Path, predictor: Predictor) -> Source:
    return open_source(cells, predictor.scorer.image)


@pytest.fixture
def scored(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call judged."""
    counts: list[int] = []
    judge = predictor.judge

    def counting(views: Sequence[Any]) -> list[Row]:
        counts.append(len(views))
        return judge(views)

    monkeypatch.setattr(predictor, "judge", counting)
    return counts


def test_a_labelled_source_gives_the_contracts_columns(
    source: Source, predictor: Predictor, tmp_path: Path
) -> None:
    predict(source, predictor, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv", keep_default_na=False)
    probabilities = [f"p_{name}" for name in predictor.classes]
    columns = ["path", "label", "confidence", "rejected", "reason", *probabilities, "true"]
    assert list(table.columns) == columns
    assert list(table["path"]) == ["ig/0.jpg", "ig/1.jpg", "ig/2.jpg", "platelet/3.jpg", "platelet/4.jpg"]
    assert list(table["true"]) == ["ig", "ig", "ig", "platelet", "platelet"]
    readable = table[table["path"] != "ig/1.jpg"]
    assert readable[probabilities].astype(float).sum(axis=1).tolist() == pytest.approx([1.0] * 4, abs=1e-5)


def test_an_unreadable_image_is_rejected_with_its_reason(
    source: Source, predictor: Predictor, tmp_path: Path
) -> None:
    predict(source, predictor, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as stream:
        row = list(csv.DictReader(stream))[1]
    assert (row["label"], row["confidence"], row["rejected"]) == ("", "", "true")
    assert row["reason"].startswith("truncated")
    assert row["p_ig"] == ""


def test_both_kinds_of_table_say_the_same(source: Source, predictor: Predictor, tmp_path: Path) -> None:
    predict(source, predictor, tmp_path / "out.csv")
    predict(source, predictor, tmp_path / "out.parquet")
    text = pd.read_csv(tmp_path / "out.csv", keep_default_na=False, na_values={"confidence": [""]})
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.metadata[b"model"] == b"tiny"
    assert table["confidence"].to_pandas().tolist() == pytest.approx(text["confidence"].tolist(), nan_ok=True)
    assert table["rejected"].to_pylist() == text["rejected"].tolist()


def test_a_source_without_labels_has_no_true_column(
    cells: Path, predictor: Predictor, tmp_path: Path
) -> None:
    source = open_source(cells / "ig", predictor.scorer.image)
    assert predict(source, predictor, tmp_path / "out.csv").column_names[-1] == "reason"


def test_a_source_that_fails_at_once_leaves_nothing_behind(
    source: Source, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged() -> Iterator[Item]:
        message = "It is damaged."
        raise UsageError(message)
        yield

    monkeypatch.setattr(source, "items", damaged)
    (tmp_path / "tables").mkdir()
    with pytest.raises(UsageError, match="damaged"):
        predict(source, predictor, tmp_path / "tables" / "out.csv")
    assert list((tmp_path / "tables").iterdir()) == []


def test_a_table_that_another_run_writes_is_left_to_it(
    source: Source, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, refused = source.items, []

    def busy() -> Iterator[Item]:
        monkeypatch.setattr(source, "items", read)
        with pytest.raises(UsageError, match="is being written by another run"):
            predict(source, predictor, tmp_path / "out.csv")
        refused.append(predict(source, predictor, tmp_path / "other.csv"))
        yield from read()

    monkeypatch.setattr(source, "items", busy)
    assert predict(source, predictor, tmp_path / "out.csv").equals(refused[0])


def test_an_interrupted_run_goes_on_without_scoring_twice(
    source: Source,
    predictor: Predictor,
    scored: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predicting, "ROWS_PER_PART", 2)
    expected = predict(source, predictor, tmp_path / "expected.csv")
    read = source.items

    def dying() -> Iterator[Item]:
        for index, item in enumerate(read()):
            if index == 4:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(source, "items", dying)
    with pytest.raises(KeyboardInterrupt):
        predict(source, predictor, tmp_path / "out.csv", HERE.model_copy(update={"workers": 1}))
    assert not (tmp_path / "out.csv").exists()
    kept = sorted((tmp_path / ".out.csv.parts").glob("*.arrow"))
    assert [read_table(part).num_rows for part in kept] == [2]

    monkeypatch.setattr(source, "items", read)
    scored.clear()
    assert predict(source, predictor, tmp_path / "out.csv").equals(expected)
    assert sum(scored) == 3
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert not (tmp_path / ".out.csv.parts").exists()


KILLED = """
import os, signal
from giemsa.cli import main
from giemsa.serving import predicting

write, written = predicting.write_feather, []

def dying(table, path, **options):
    write(table, path, **options)
    written.append(path)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

predicting.write_feather = dying
main()
"""


def test_a_process_killed_outright_loses_no_row_and_scores_nothing_twice(
    tiny_bundle: Path,
    predictor: Predictor,
    scored: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cells").mkdir()
    for index in range(4 * ROWS_PER_PART + 9):
        Path("cells", f"{index:03d}.jpg").write_bytes(jpeg(index % 7))
    arguments = ["predict", "cells", "--model", str(tiny_bundle), "--out", "out.parquet"]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not Path("out.parquet").exists()

    source = open_source("cells", predictor.scorer.image)
    resumed = predict(source, predictor, Path("out.parquet"))
    assert sum(scored) == 2 * ROWS_PER_PART + 9
    assert resumed.equals(predict(source, predictor, Path("undisturbed.parquet")))
    assert pq.read_table("out.parquet").equals(pq.read_table("undisturbed.parquet"))


def test_parts_of_other_images_are_thrown_away(source: Source, predictor: Predictor, tmp_path: Path) -> None:
    parts = tmp_path / ".out.csv.parts"
    parts.mkdir()
    (parts / "key").write_text("another model or source")
    (parts / "000000.arrow").write_bytes(b"nothing that could be read")
    assert len(predict(source, predictor, tmp_path / "out.csv")) == 5


def test_parts_stay_small_whatever_the_files_weigh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "BYTES_PER_PART", 10)
    items = [Item(str(index), None, b"x" * size) for index, size in enumerate((4, 6, 1, 12, 1))]
    chunks = predicting._chunks(items)
    assert [[item.path for item in chunk] for chunk in chunks] == [["0", "1"], ["2", "3"], ["4"]]


def test_another_ending_is_refused_before_any_work(
    source: Source, predictor: Predictor, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"out.txt has no known ending"):
        predict(source, predictor, tmp_path / "out.txt")
