"""Where the services listen, and whether they answer."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ADDRESSES = Path("services.env")
POOL = "giemsa"
DEPLOYMENT = "giemsa"


@dataclass(frozen=True)
class Service:
    """One service of this machine: its name for people, where it listens, where it answers."""

    name: str
    host: str
    port: int
    health: str

    @property
    def address(self) -> str:
        """The address for a browser."""
        return f"http://{self.host}:{self.port}"

    def answers(self) -> bool:
        """Tell whether the service is up and well."""
        try:
            with urlopen(self.address + self.health, timeout=2) as answer:  # noqa: S310 - our own http address
                return bool(answer.status == 200)  # noqa: PLR2004
        except (URLError, OSError, ValueError):
            return False

    def is_taken(self) -> bool:
        """Tell whether any program listens on the port."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((self.host, self.port)) == 0


def settings(root: Path) -> dict[str, str]:
    """Read ``services.env``; what the environment holds already wins."""
    lines = (root / ADDRESSES).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    values = {key.strip(): os.environ.get(key.strip(), value.strip()) for key, value in pairs}
    values["PREFECT_HOME"] = str(root / values["PREFECT_HOME"])
    prefect = _service("Prefect", "PREFECT_SERVER_API", "/api/health", values)
    return {**values, "PREFECT_API_URL": f"{prefect.address}/api", "PREFECT_UI_URL": prefect.address}


def services(values: Mapping[str, str]) -> list[Service]:
    """List the services that listen on a port, in the order they start."""
    return [
        _service("Prefect", "PREFECT_SERVER_API", "/api/health", values),
        _service("MLflow", "MLFLOW", "/health", values),
        _service("reports", "REPORTS", "/", values),
    ]


def _service(name: str, prefix: str, health: str, values: Mapping[str, str]) -> Service:
    return Service(name, values[f"{prefix}_HOST"], int(values[f"{prefix}_PORT"]), health)
