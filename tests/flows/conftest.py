"""Fixtures around a fake project; "flows" and "tests" are folders of the project, not installed packages."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.flows.support import Services, make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a fake project."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Run the services of ``make up`` for a fake project; in the end nothing of them is left."""
    started = Services(make_project(tmp_path_factory.mktemp("services") / "project"))
    try:
        started.wait_until_up()
        yield started
    finally:
        started.stop()
        assert started.processes() == []
