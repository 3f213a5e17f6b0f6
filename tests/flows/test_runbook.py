"""The runbook's commands are ones that the tools know, and its backup brings everything back."""

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer.main
from dvc.cli import parse_args
from prefect import Flow

from flows.retraining import retrain
from flows.sweep import sweep
from giemsa.cli import app
from tests.flows.support import ROOT, make_project

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
FLOWS: dict[str, Flow[..., Any]] = {"retrain/giemsa": retrain, "sweep/giemsa": sweep}
MAKE = """#!/bin/bash -e
for target; do case $target in setup) ;; data-push) dvc push ;; data-pull) dvc pull ;; *) exit 1 ;; esac; done
"""


def blocks(text: str) -> list[str]:
    """Give the commands of a part of the runbook, a block of indented lines each."""
    return [
        block.replace("\n    ", "\n").strip() for block in re.findall(r"(?:^    .+\n)+", text, re.MULTILINE)
    ]


def commands(tool: str) -> list[list[str]]:
    """Give the arguments of every call of a tool, in a block or in a sentence."""
    text = "\n".join([*blocks(RUNBOOK), *re.findall(r"`([^`\n]+)`", RUNBOOK)]).replace("\\\n", " ")
    calls = re.findall(rf"(?:^|&& ){re.escape(tool)} (.+?)(?= && |$)", text, re.MULTILINE)
    assert calls
    return [shlex.split(call, comments=True) for call in calls]


@pytest.mark.parametrize("arguments", commands(".venv/bin/giemsa"), ids=" ".join)
def test_giemsa_knows_the_command(arguments: list[str]) -> None:
    command, context = typer.main.get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(command.name, list(arguments), parent=context)
        command, arguments = command.commands[arguments[0]], arguments[1:]
    command.make_context(command.name, list(arguments), parent=context)


@pytest.mark.parametrize("arguments", commands(".venv/bin/dvc"), ids=" ".join)
def test_dvc_knows_the_command(arguments: list[str]) -> None:
    assert parse_args(arguments).func


@pytest.mark.parametrize("arguments", commands("make"), ids=" ".join)
def test_make_knows_the_target(arguments: list[str]) -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(arguments) <= set(targets)


def test_a_flow_takes_the_parameters_that_are_given_by_hand() -> None:
    triggered = [each for each in commands(".venv/bin/prefect") if each[:2] == ["deployment", "run"]]
    assert len(triggered) == 4
    for _, _, deployment, *options in triggered:
        given = [value.split("=", 1) for value in options if "=" in value]
        assert set(dict(given)) <= set(FLOWS[deployment].parameters.properties)


def test_what_is_lost_comes_back_from_the_backup(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup, restore, _track = blocks(RUNBOOK[RUNBOOK.index("## Back up and restore") :])[:3]
    tools = project.parent / "tools"
    tools.mkdir()
    (tools / "make").write_text(MAKE)
    (tools / "make").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{Path(sys.executable).parent}", prepend=":")

    def fresh_clone() -> None:
        (project / ".venv").symlink_to(sys.prefix)
        config = project / ".dvc" / "config"
        config.write_text(config.read_text().replace(str(project.parent / "store"), "../.dvc-storage"))

    def run(script: str) -> None:
        subprocess.run(["bash", "-ec", script], cwd=project, check=True)

    fresh_clone()
    run("dvc repro --quiet; mkdir mlartifacts .prefect; touch mlartifacts/model")
    databases = [project / "mlflow.db", project / ".prefect" / "prefect.db"]
    summary = (project / "reports" / "duplicates" / "summary.json").read_bytes()
    with closing(sqlite3.connect(databases[0])) as mlflow, closing(sqlite3.connect(databases[1])) as prefect:
        for database in (mlflow, prefect):  # both are in use, and what is written last lies beside the file
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE runs (name)")
            database.execute("INSERT INTO runs VALUES ('first')")
            database.commit()
        run(backup)
    lock = (project / "dvc.lock").read_bytes()
    shutil.rmtree(project)

    make_project(project)
    fresh_clone()
    (project / "dvc.lock").write_bytes(lock)  # which git has
    run(restore)
    assert (project / "reports" / "duplicates" / "summary.json").read_bytes() == summary
    assert (project / "mlartifacts" / "model").exists()
    for file in databases:
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT name FROM runs").fetchall() == [("first",)]
