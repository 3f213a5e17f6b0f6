"""Real server, real worker, real deployments around a fake project: what a person triggers and sees."""

import signal

import pytest

from tests.flows.support import Services, eventually, held_in_training

pytestmark = [pytest.mark.server]


def stage_processes(services: Services) -> list[int]:
    return [process.pid for words in ("work.py", "time.sleep", "dvc") for process in services.running(words)]


def test_a_retraining_is_triggered_through_the_api_and_every_step_is_seen(services: Services) -> None:
    run = services.finished_run
    assert services.state(run)["type"] == "COMPLETED", services.logs(run)
    steps = services.tasks(run)
    assert steps.pop("push") in {"Completed", "Cached"}
    assert steps == dict.fromkeys(["deduplicate", "train", "register"], "Completed")
    assert "training on fake cells" in services.logs(run)
    artifacts = services.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
    assert {each["key"] for each in artifacts} == {"duplicates", "classes", "decision", "gate"}
    assert (services.root / "models" / "network").exists()


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
    eventually(services.planned)
    assert all(run["auto_scheduled"] for run in services.planned())


def test_status_says_what_runs_and_what_is_planned(services: Services) -> None:
    said = services.call("-m", "flows.status")
    assert f"Prefect  {services.address('PREFECT_SERVER_API')} runs" in said
    assert "worker   1 online" in said
    assert "planned  watch at" in said


def test_wrong_parameters_are_refused_before_anything_runs(services: Services) -> None:
    run = services.trigger(overrides={"train.max_epochs": 0, "train.colour": "blue"})
    state = services.wait_for(run)
    assert state["type"] == "FAILED"
    assert "train.max_epochs: input should be greater than or equal to 1" in state["message"]
    assert "train.colour: unknown key" in state["message"]
    assert services.tasks(run) == {}
    assert "Traceback" not in services.logs(run)


def test_a_worker_killed_in_mid_training_leaves_no_orphan_and_the_next_in_line_goes_on(
    services: Services,
) -> None:
    with held_in_training(services) as run:
        second = services.trigger()
        eventually(lambda: services.state(second)["name"] == "AwaitingConcurrencySlot", 60)
        services.program("worker start").kill()
        assert services.wait_for(run)["type"] == "CRASHED"
        eventually(lambda: not stage_processes(services))
        assert not (services.root / "models" / "network").exists()
    assert services.wait_for(second)["type"] == "COMPLETED", services.logs(second)
    assert services.tasks(second)["train"] == "Completed"


def test_a_server_restarted_in_mid_run_loses_nothing(services: Services) -> None:
    with held_in_training(services) as run:
        services.program("prefect server start").kill()
        eventually(lambda: "Prefect stopped" in services.said())
        eventually(lambda: services.state(run)["type"] == "RUNNING", 60)
    assert services.wait_for(run)["type"] == "COMPLETED", services.logs(run)
    eventually(lambda: set(services.tasks(run).values()) == {"Completed"})


def test_one_interrupt_stops_everything(services: Services) -> None:
    with held_in_training(services):
        services.program("flows.up").send_signal(signal.SIGINT)
        assert services.process.wait(60) == 0
        assert services.said().endswith("Everything is stopped.\n")
        assert services.processes() == []
