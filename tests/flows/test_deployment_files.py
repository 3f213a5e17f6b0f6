"""The files for one machine and for more say the same, expose nothing by default and hold no secret."""

import re
import subprocess
from pathlib import Path
from typing import Any

import mlflow
import prefect
from ruamel.yaml import YAML

from flows.services import DEPLOYMENT, POOL
from tests.flows.support import ROOT

FOLDER = ROOT / "mlflow"


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))
    return content


def test_every_deployment_is_known_by_one_name_and_works_in_one_pool() -> None:
    deployments = read("prefect.yaml")["deployments"]
    assert {each["name"] for each in deployments} == {DEPLOYMENT}
    assert {each["work_pool"]["name"] for each in deployments} == {POOL}
    files = [each["entrypoint"].split(":")[0] for each in deployments]
    assert all((ROOT / file).is_file() for file in files)


def test_every_schedule_names_its_time_zone() -> None:
    schedules = [each for one in read("prefect.yaml")["deployments"] for each in one.get("schedules", ())]
    assert schedules
    assert all(each["timezone"] for each in schedules)


def test_a_port_is_open_to_this_machine_alone_unless_a_person_says_otherwise() -> None:
    services = read("mlflow/compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("${LISTEN:-127.0.0.1}:") for port in ports)


def test_passwords_are_asked_for_and_never_written_down() -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert re.findall(r"PASSWORD: (?!\$\{)", text) == []
    assert "${DATABASE_PASSWORD:?" in text
    assert "${STORAGE_PASSWORD:?" in text


def test_the_image_is_built_from_the_projects_own_lock() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes -r requirements/run.txt" in text
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    assert f"\nprefect=={prefect.__version__} " in lock
    assert f"\nmlflow=={mlflow.__version__} " in lock


def test_the_images_other_packages_are_held_to_the_locks_versions_without_its_hashes(tmp_path: Path) -> None:
    # With one hash among its constraints, pip refuses every package that comes without one.
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    text = text.replace("/tmp/", f"{tmp_path}/")
    [command] = [line for line in text.splitlines() if "--constraint" in line]
    before, _, install = command.removeprefix("RUN ").rpartition("pip install")
    subprocess.run(["sh", "-ec", f"{before} true"], cwd=ROOT, check=True)
    [file] = re.findall(r"--constraint (\S+)", install)
    constraints = (ROOT / file).read_text(encoding="utf-8")
    assert "--hash" not in constraints
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    locked = re.findall(r"^(\w.*) \\$", lock, re.MULTILINE)
    assert locked
    assert [line for line in constraints.splitlines() if not line.lstrip().startswith("#")] == locked


def test_the_folder_named_mlflow_does_not_hide_the_package() -> None:
    assert Path(mlflow.__file__).is_relative_to(Path(prefect.__file__).parents[1])
    assert list(FOLDER.rglob("*.py")) == []
