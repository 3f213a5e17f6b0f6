"""What a person sees of a retraining in Prefect's pages, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.support import Services, eventually, held_in_training, shared_services

pytestmark = [pytest.mark.browser, pytest.mark.server]

SLOW_MS = 60_000


@pytest.fixture
def services(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Services:
    return shared_services(pytestconfig, tmp_path_factory)


@pytest.fixture
def page(browser: Browser, services: Services, tmp_path: Path) -> Iterator[Page]:
    """Give a window on Prefect's pages; its last sight is kept as a picture."""
    page = browser.new_page(base_url=services.address("PREFECT_SERVER_API"))
    page.set_default_timeout(SLOW_MS)
    expect.set_options(timeout=SLOW_MS)
    yield page
    page.screenshot(path=tmp_path / "page.png")
    page.close()


def test_the_deployment_shows_its_schedule_and_its_next_run(page: Page, services: Services) -> None:
    eventually(services.planned)
    page.goto(f"/deployments/deployment/{services.deployment('retrain')['id']}")
    expect(page.get_by_text("At 02:00 AM, only on Sunday")).to_be_visible()
    expect(page.get_by_text("auto-scheduled").first).to_be_visible()


def test_the_form_of_a_retraining_says_what_each_field_means(page: Page, services: Services) -> None:
    page.goto(f"/deployments/deployment/{services.deployment('retrain')['id']}/run")
    expect(page.get_by_text("Where new images are: a folder per class")).to_be_visible()
    expect(page.get_by_text("Let the winner face the champion in the registry.")).to_be_visible()


def test_a_finished_run_shows_its_steps_and_artifacts(page: Page, services: Services, tmp_path: Path) -> None:
    run = services.finished_run
    page.goto(f"/runs/flow-run/{run}")
    expect(page.get_by_text("Completed").first).to_be_visible()
    page.get_by_text("Task Runs", exact=True).click()
    for step in ("deduplicate", "train", "register", "push"):
        expect(page.get_by_role("link", name=step, exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "steps.png")
    page.get_by_text("Artifacts", exact=True).click()
    page.screenshot(path=tmp_path / "artifacts.png")
    page.get_by_role("link", name="decision").click()
    expect(page.get_by_text("It is better than the majority-class guesser.")).to_be_visible()
    expect(page.get_by_role("link", name="Version 1 in MLflow")).to_be_visible()
    page.go_back()
    page.get_by_text("Artifacts", exact=True).click()
    page.get_by_role("link", name="classes").click()
    page.wait_for_function("[...document.images].some(image => image.naturalWidth > 0)")


def test_a_retraining_is_cancelled_with_a_button(page: Page, services: Services) -> None:
    with held_in_training(services) as run:
        page.goto(f"/runs/flow-run/{run}")
        expect(page.get_by_text("Running", exact=True).first).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
        assert services.wait_for(run)["type"] == "CANCELLED"
        page.reload()
        expect(page.get_by_text("Cancelled", exact=True).first).to_be_visible()
        eventually(lambda: not services.running("work.py"))
    assert not (services.root / "models" / "network").exists()
    again = services.trigger()
    assert services.wait_for(again)["type"] == "COMPLETED", services.logs(again)
