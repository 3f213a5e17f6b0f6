"""Say what runs: services, worker, retrainings under way and planned."""

import os
import sys
from collections.abc import Iterator
from datetime import datetime

from flows.services import POOL, services, settings
from giemsa.workspace import find_workspace


def lines() -> Iterator[str]:
    """Give one line for each thing that runs or should."""
    values = settings(find_workspace().root)
    listening = services(values)
    for service in listening:
        mute = "does not answer" if service.is_taken() else "is not started"
        yield f"{service.name:8} {service.address} {'runs' if service.answers() else mute}"
    if not listening[0].answers():
        yield 'Start everything with "make up".'
        return
    os.environ.update(values)
    yield from _work()


def _work() -> Iterator[str]:
    """Ask Prefect, whose settings are read from the environment as it is imported."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    def chosen(*types: str) -> FlowRunFilter:
        return FlowRunFilter.model_validate({"state": {"type": {"any_": types}}})

    with get_client(sync_client=True) as client:
        workers = client.read_workers_for_work_pool(POOL)
        online = [worker for worker in workers if worker.status == "ONLINE"]
        yield f"worker   {len(online)} online" if online else "worker   none is online"
        flows = {flow.id: flow.name for flow in client.read_flows()}
        for run in client.read_flow_runs(flow_run_filter=chosen("RUNNING", "PENDING", "CANCELLING")):
            since = _local(run.start_time or run.expected_start_time)
            yield f"running  {flows[run.flow_id]} {run.name} ({run.state_name}) since {since}: {run.id}"
        order = FlowRunSort.EXPECTED_START_TIME_ASC
        told = set()
        for run in client.read_flow_runs(flow_run_filter=chosen("SCHEDULED"), sort=order):
            if run.flow_id not in told:  # the next one of each
                told.add(run.flow_id)
                yield f"planned  {flows[run.flow_id]} at {_local(run.expected_start_time)}"


def _local(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "?"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines())
