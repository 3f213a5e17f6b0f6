"""Real server, real worker, real deployments around a fake project: what a person triggers and sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.flows.support import Services, eventually

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("services")]


def change_images(services: Services) -> None:
    """Give every stage something to do."""
    images = services.root / "images.txt"
    images.write_text(images.read_text() + "a")


@contextmanager
def held_in_training(services: Services, **parameters: Any) -> Iterator[str]:
    """Trigger a retraining that stands in its training until the block ends."""
    change_images(services)
    held = services.root / "held"
    held.unlink(missing_ok=True)
    (services.root / "hold").touch()
    run = services.trigger(**parameters)
    try:
        eventually(held.exists, 150)
        yield run
    finally:
        (services.root / "hold").unlink()


def stage_processes(services: Services) -> list[int]:
    return [process.pid for words in ("work.py", "time.sleep", "dvc") for process in services.running(words)]


def test_a_retraining_is_triggered_through_the_api_and_every_step_is_seen(services: Services) -> None:
    run = services.trigger()
    assert services.wait_for(run)["type"] == "COMPLETED", services.logs(run)
    steps = services.tasks(run)
    assert steps == dict.fromkeys(["deduplicate", "train", "register", "push"], "Completed")
    assert "training on fake cells" in services.logs(run)
    artifacts = services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
    assert {each["key"] for each in artifacts} == {"duplicates", "classes", "decision", "gate"}
    assert (services.root / "models" / "network").exists()


def test_a_second_retraining_finds_everything_cached(services: Services) -> None:
    services.wait_for(services.trigger())
    run = services.trigger()
    assert services.wait_for(run)["message"] == "Nothing has changed: every step was up to date."
    assert set(services.tasks(run).values()) == {"Cached"}


def test_the_deployments_have_their_schedules_and_one_retraining_at_a_time(services: Services) -> None:
    retrain = services.deployment("retrain")
    (schedule,) = retrain["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert retrain["global_concurrency_limit"]["limit"] == 1
    assert retrain["work_pool_name"] == "giemsa"
    properties = retrain["parameter_openapi_schema"]["properties"]
    assert set(properties) == {"source", "overrides", "promote", "force"}
    assert all(each["description"] for each in properties.values())


def test_scheduled_runs_wait_for_their_time(services: Services) -> None:
    def planned() -> Any:
        retrain = {"id": {"any_": [services.deployment("retrain")["id"]]}}
        state = {"type": {"any_": ["SCHEDULED"]}}
        return services.post("/flow_runs/filter", deployments=retrain, flow_runs={"state": state})

    eventually(planned)
    assert all(run["auto_scheduled"] for run in planned())


def test_wrong_parameters_are_refused_before_anything_runs(services: Services) -> None:
    run = services.trigger(overrides={"train.max_epochs": 0, "train.colour": "blue"})
    state = services.wait_for(run)
    assert state["type"] == "FAILED"
    assert "train.max_epochs: input should be greater than or equal to 1" in state["message"]
    assert "train.colour: unknown key" in state["message"]
    assert services.tasks(run) == {}
    assert "Traceback" not in services.logs(run)


def test_cancelling_stops_the_stage_and_its_children(services: Services) -> None:
    with held_in_training(services) as run:
        services.post(f"/flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
        assert services.wait_for(run)["type"] == "CANCELLED"
        eventually(lambda: not stage_processes(services))
    assert not (services.root / "models" / "network").exists()


def test_a_worker_killed_in_mid_training_leaves_no_orphan_and_is_replaced(services: Services) -> None:
    with held_in_training(services) as run:
        (worker,) = [
            process for process in services.running("worker start") if "leash" not in process.cmdline()[2]
        ]
        worker.kill()
        assert services.wait_for(run)["type"] == "CRASHED"
        eventually(lambda: not stage_processes(services))
    again = services.trigger()
    assert services.wait_for(again)["type"] == "COMPLETED", services.logs(again)


def test_a_server_restarted_in_mid_run_loses_nothing(services: Services) -> None:
    with held_in_training(services) as run:
        (server,) = [
            process for process in services.running("server start") if "leash" not in process.cmdline()[2]
        ]
        server.kill()
        eventually(lambda: "Prefect stopped" in services.said())
        eventually(lambda: services.state(run)["type"] == "RUNNING", 60)
    assert services.wait_for(run)["type"] == "COMPLETED", services.logs(run)
    eventually(lambda: set(services.tasks(run).values()) == {"Completed"})
