"""Tell people of a failure and of a promotion, through a Prefect block of their choice or the log."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect import Flow
from prefect.blocks.core import Block
from prefect.blocks.notifications import AppriseNotificationBlock
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_logger

from flows.services import settings
from giemsa.workspace import find_workspace


class Email(AppriseNotificationBlock):
    """Send messages by e-mail, through any SMTP server.

    ``url`` is such as ``mailtos://user:password@smtp.example.org?from=giemsa@example.org&to=lab@example.org``.
    """

    _block_type_name = "E-mail"
    _block_type_slug = "e-mail"


def notify(subject: str, body: str) -> None:
    """Send a message to the block that ``GIEMSA_NOTIFY`` names, else to the log; it never fails a run."""
    values = settings(find_workspace().root)
    logger = get_logger("giemsa")
    logger.info("%s: %s", subject, body)
    name = values["GIEMSA_NOTIFY"]
    if not name:
        return
    try:
        # A hook may run inside an event loop, where Prefect's blocks would only promise to send.
        with ThreadPoolExecutor(1) as outside:
            outside.submit(_send, name, subject, body).result()
    except Exception as error:  # noqa: BLE001 - a message that cannot be sent is no reason to fail
        logger.warning("Nobody was told through %s: %s", name, " ".join(str(error).split()))


def _send(block_name: str, subject: str, body: str) -> None:
    block: Any = Block.load(block_name)
    block.notify(body, subject)


def notify_of_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Say that a flow run failed, why, and where to look."""
    address = settings(find_workspace().root)["PREFECT_UI_URL"]
    where = f"{address}/runs/flow-run/{flow_run.id}"
    notify(f"{flow.name}: {flow_run.name} {state.name}", f"{state.message}\n{where}")
