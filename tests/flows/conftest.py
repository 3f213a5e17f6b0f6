"""Fixtures around a fake project."""

from pathlib import Path

import pytest

from tests.flows.support import Services, make_project, shared_services


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a fake project."""
    folder = make_project(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def services(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """Give the services of ``make up`` around a fake project."""
    return shared_services(pytestconfig, tmp_path_factory)
