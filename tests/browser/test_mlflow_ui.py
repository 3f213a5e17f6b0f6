"""What a person sees of runs and registered versions in MLflow's pages, in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from mlflow.tracking import MlflowClient
from playwright.sync_api import Browser, Page, expect

from tests.flows.support import Services, shared_services

pytestmark = [pytest.mark.browser, pytest.mark.server]

SLOW_MS = 60_000
MODEL = "blood-cell-classifier"


@pytest.fixture
def experiment(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, str]:
    """Two training runs and two registered versions with their aliases, in the server of ``make up``."""
    services = shared_services(pytestconfig, tmp_path_factory)
    client = MlflowClient(services.address("MLFLOW"), services.address("MLFLOW"))
    known = client.get_experiment_by_name("giemsa")
    if known:
        return services, known.experiment_id
    number = client.create_experiment("giemsa")
    client.create_registered_model(MODEL)
    for name, alias, accuracy in (("cnn", "challenger", 0.91), ("fine-tuned", "champion", 0.97)):
        run = client.create_run(number, run_name=name)
        client.log_metric(run.info.run_id, "val_accuracy", accuracy)
        client.set_terminated(run.info.run_id)
        version = client.create_model_version(MODEL, run.info.artifact_uri, run_id=run.info.run_id)
        client.set_registered_model_alias(MODEL, alias, version.version)
    return services, number


@pytest.fixture
def page(browser: Browser, experiment: tuple[Services, str], tmp_path: Path) -> Iterator[Page]:
    services, _ = experiment
    page = browser.new_page(base_url=services.address("MLFLOW"))
    page.set_default_timeout(SLOW_MS)
    expect.set_options(timeout=SLOW_MS)
    yield page
    page.screenshot(path=tmp_path / "page.png")
    page.close()


def test_training_runs_stand_side_by_side(page: Page, experiment: tuple[Services, str]) -> None:
    page.goto(f"/#/experiments/{experiment[1]}/runs")
    for name in ("cnn", "fine-tuned"):
        expect(page.get_by_role("link", name=name, exact=True).first).to_be_visible()


def test_registered_versions_show_their_aliases(page: Page) -> None:
    page.goto(f"/#/models/{MODEL}")
    for alias in ("champion", "challenger"):
        expect(page.get_by_text(f"@ {alias}").or_(page.get_by_text(alias, exact=True)).first).to_be_visible()


def test_two_runs_are_compared_figure_by_figure(page: Page, experiment: tuple[Services, str]) -> None:
    services, number = experiment
    found = MlflowClient(services.address("MLFLOW")).search_runs([number])
    runs = json.dumps([run.info.run_id for run in found])
    page.goto(f"/#/compare-runs?runs={quote(runs)}&experiments={quote(json.dumps([number]))}")
    expect(page.get_by_text("val_accuracy").first).to_be_visible()
    for accuracy in ("0.91", "0.97"):
        expect(page.get_by_text(accuracy).first).to_be_visible()
