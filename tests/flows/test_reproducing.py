"""One stage at a time: up to date, made, failed in its own words, and never two at once."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import Timeout
from prefect.logging import disable_run_logger

from flows.reproducing import alone, push, reproduce, stages
from giemsa.errors import UsageError
from tests.flows.support import CONFIG, ROOT, eventually


@pytest.fixture(autouse=True)
def no_server() -> Iterator[None]:
    with disable_run_logger():
        yield


def test_every_stage_follows_what_it_depends_on() -> None:
    order = stages(ROOT)
    dag = subprocess.run(
        [sys.executable, "-m", "dvc", "dag", "--dot"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    edges = [line.strip(' ";').split('" -> "') for line in dag.stdout.splitlines() if "->" in line]
    named = [(before, after) for before, after in edges if not before.endswith(".dvc")]
    assert {name for edge in named for name in edge} <= set(order)
    assert all(order.index(before) < order.index(after) for before, after in named)


def test_stages_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    circle = "stages: {a: {deps: [y], outs: [x]}, b: {deps: [x/part], outs: [y]}}"
    (tmp_path / "dvc.yaml").write_text(circle)
    with pytest.raises(UsageError, match="wait for each other"):
        stages(tmp_path)


def test_a_stage_is_made_then_cached_then_brought_back(project: Path) -> None:
    assert reproduce.fn("deduplicate", project).name == "Completed"
    again = reproduce.fn("deduplicate", project)
    assert (again.name, again.type) == ("Cached", "COMPLETED")
    shutil.rmtree(project / "reports" / "duplicates")
    assert reproduce.fn("deduplicate", project).message == "The outputs came out of DVC's cache."
    assert reproduce.fn("deduplicate", project, force=True).name == "Completed"


def test_dvcs_own_complaint_is_passed_on(project: Path) -> None:
    state = reproduce.fn("no-such-stage", project)
    assert state.is_failed()
    assert "no-such-stage" in (state.message or "")


def test_data_that_another_dvc_holds_may_be_had_later(project: Path) -> None:
    (project / "hold").touch()
    other = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "train"], cwd=project)
    eventually((project / "held").exists)
    state = reproduce.fn("train", project)
    (project / "hold").unlink()
    assert other.wait(60) == 0
    assert (state.name, state.is_failed()) == ("Busy", True)
    assert reproduce.fn("train", project).name == "Cached"


def test_a_push_copies_what_is_new_and_knows_when_nothing_is(project: Path) -> None:
    reproduce.fn("deduplicate", project)
    assert push.fn(project).name == "Completed"
    assert push.fn(project).name == "Cached"


@pytest.mark.parametrize(("url", "name"), [("ftps://no", "Failed"), ("http://127.0.0.1:9/no", "Offline")])
def test_only_a_push_that_did_not_get_through_is_worth_another_try(
    project: Path, url: str, name: str
) -> None:
    reproduce.fn("deduplicate", project)
    (project / ".dvc" / "config").write_text(CONFIG.format(url=url))
    assert push.fn(project).name == name


def test_a_full_disk_is_told_in_the_stages_own_words_and_nothing_is_left_half_written(project: Path) -> None:
    models = project / "models"
    models.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=1M", "giemsa-test", str(models)]
    if os.geteuid() != 0 or subprocess.run(small, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: it takes the rights of an administrator")
    try:
        reproduce.fn("deduplicate", project)
        state = reproduce.fn("train", project)
        assert list(models.iterdir()) == []
    finally:
        subprocess.run(["umount", str(models)], check=True)
    assert state.is_failed()
    sentence = (
        "train: models/network cannot be written (No space left on device): free some space and run again."
    )
    assert state.message == sentence
    assert reproduce.fn("train", project).name == "Completed"


def test_a_second_retraining_waits_until_the_first_has_let_go(tmp_path: Path) -> None:
    order = []
    waits, goes_on = threading.Event(), threading.Event()

    def second() -> None:
        waits.set()
        with disable_run_logger(), alone(tmp_path):
            order.append("second")
            goes_on.set()

    with alone(tmp_path):
        with pytest.raises(Timeout), alone(tmp_path, wait=False):
            order.append("watch")
        threading.Thread(target=second).start()
        assert waits.wait(10)
        assert not goes_on.wait(0.3)
        order.append("first")
    assert goes_on.wait(10)
    assert order == ["first", "second"]
