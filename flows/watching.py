"""The ``watch`` flow: a cheap, frequent look at whether there is reason to retrain, and which."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import Timeout
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.states import Completed, Failed

from flows.commands import run
from flows.notifying import notify_of_failure
from flows.reproducing import alone
from flows.running import settle_in
from flows.services import DEPLOYMENT
from giemsa.settings import Watch, load_params
from giemsa.workspace import find_workspace

HOUR_S = 3600
NEW_IMAGES, DRIFT = "new-images", "drift"
OF_IMAGES = {NEW_IMAGES, DRIFT}


@flow(
    name="watch",
    timeout_seconds=HOUR_S,
    on_failure=[notify_of_failure],
    on_crashed=[notify_of_failure],
)
def watch() -> State[None]:
    """See whether enough new images wait, have drifted, or the champion is old; if so, retrain."""
    settle_in()
    workspace = find_workspace()
    try:
        with TemporaryDirectory() as folder, alone(workspace.root, wait=False):
            out = Path(folder) / "drift.json"
            ended = run(["giemsa", "drift", "--json", str(out)], workspace.root)
            if ended.code:
                return Failed(message=ended.sentence)
            report = json.loads(out.read_text(encoding="utf-8"))
    except Timeout:  # the data that new images are held against come and go meanwhile
        return Completed(message="A retraining is under way: the next look comes after it.")
    if report["shifts"]:
        create_table_artifact(report["shifts"], key="drift", description="New images against training data.")
    found = reasons(report, load_params(workspace.params).watch, datetime.now(UTC))
    if not found:
        return Completed(message=f"No reason to retrain; {report['new']:,} new images wait in the inbox.")
    key = key_of(found, report)
    run_deployment(f"retrain/{DEPLOYMENT}", timeout=0, idempotency_key=key, as_subflow=False)
    return Completed(message=f"A retraining looks after this: {' '.join(found.values())}")


def key_of(found: Mapping[str, str], report: Mapping[str, Any]) -> str:
    """Name what is acted upon once: without it, a retraining that fails would start over and over.

    Reasons that lie in the images are news with every new image; the champion's age is not.
    """
    of_images = [report["digest"]] if OF_IMAGES & found.keys() else []
    return " ".join([*found, *of_images])


def reasons(report: dict[str, Any], watch: Watch, now: datetime) -> dict[str, str]:
    """Give each reason to retrain as a sentence, under a name that stays the same while it lasts.

    Args:
        report: what ``giemsa drift`` found.
        watch: from where on something is a reason.
        now: the time, with its zone.
    """
    found = {}
    if report["new"] >= watch.new_images:
        found[NEW_IMAGES] = f"{report['new']:,} new images wait ({watch.new_images:,} are enough)."
    if drifted := [shift for shift in report["shifts"] if shift["drifted"]]:
        names = ", ".join(f"{shift['name']} (PSI {shift['psi']:.2f})" for shift in drifted)
        found[DRIFT] = f"New images differ from the cells to train on in {names}."
    champion = report["champion"]
    if champion and champion["since"]:
        age = now - datetime.fromisoformat(champion["since"])
        periods = age // timedelta(days=watch.max_age_days)
        if periods:
            name = f"champion-{champion['version']}-{periods}"
            found[name] = f"Version {champion['version']} has been champion for {age.days} days."
    return found
