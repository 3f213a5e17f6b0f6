"""The model that is being served: it follows its alias, and is exchanged without a pause."""

import json
import logging
import threading
from typing import Any

from giemsa.registry.connection import connect, plain_reason
from giemsa.registry.prediction import Predictor
from giemsa.registry.versions import aliases, find, resolve, versions
from giemsa.serving.refusals import UnavailableError
from giemsa.workspace import Workspace

EVERY_S = 2.0

log = logging.getLogger(__name__)


class Follower:
    """Holds the model that a reference stands for, and exchanges it when the reference moves.

    A request keeps the model that it began with; the next one gets the new model. Where the registry cannot
    be asked, the present model stays.

    Args:
        reference: what a person calls the model, see :func:`giemsa.registry.versions.resolve`.
        workspace: the project, which knows MLflow's address.

    Raises:
        UsageError: if there is no such model.
    """

    def __init__(self, reference: str, workspace: Workspace) -> None:
        self._reference = reference
        self._workspace = workspace
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        self.current = self._load()

    def start(self) -> None:
        """Begin to follow; a folder never moves."""
        if self.current.model.registered:
            self._thread.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Exchange the model if the reference stands for another one now."""
        version = find(self._reference, self._workspace)
        if f"{version.name}/{version.version}" != self.current.model.version:
            self.current = self._load()
            log.info("now serving %s", self.current.model.version)

    def known(self) -> list[dict[str, Any]]:
        """Describe the model that is served, and every other registered version.

        Raises:
            UnavailableError: if the registry does not answer.
        """
        serving = self.current.model
        if not serving.registered:
            return [_described(serving.version, [], serving.data, {}, serving=True)]
        name = serving.version.rpartition("/")[0]
        try:
            client = connect(self._workspace)
            holders, found = aliases(client, name), versions(client, name)
        except Exception as error:  # of MLflow, its database or the network between
            log.warning("the registry cannot be asked: %s", plain_reason(error))
            message = "The registry cannot be asked now: try again later."
            raise UnavailableError(message) from error
        return [
            _described(
                f"{name}/{one.version}",
                [alias for alias, holder in holders.items() if holder == str(one.version)],
                one.tags.get("dvc_data_hash", ""),
                json.loads(one.tags.get("figures", "{}")),
                serving=f"{name}/{one.version}" == serving.version,
            )
            for one in found
        ]

    def _follow(self) -> None:
        trouble = ""
        while not self._stopped.wait(EVERY_S):
            try:
                self.look()
                trouble = ""
            except Exception as error:  # noqa: BLE001 - whatever ails the registry, the present model answers
                if trouble != (trouble := plain_reason(error)):
                    log.warning("still serving %s: %s", self.current.model.version, trouble)

    def _load(self) -> Predictor:
        return Predictor(resolve(self._reference, self._workspace))


def _described(
    version: str, titles: list[str], data: str, figures: dict[str, Any], *, serving: bool
) -> dict[str, Any]:
    return {"version": version, "aliases": titles, "serving": serving, "data": data, "figures": figures}
