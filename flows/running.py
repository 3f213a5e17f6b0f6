"""What every flow run of a worker needs: an end with its worker, and a log without machinery in it."""

import logging
import os
import signal
import threading
import time

from prefect.exceptions import FailedRun

CHECK_EVERY_S = 1.0


def settle_in() -> None:
    """Treat our worker's death as its order to stop, and keep tracebacks of failed runs out of the log.

    A process worker that is killed outright leaves its flow runs going on where nobody can stop them. This
    way the run is reported as crashed, the stage's processes end, and the data are free for the next run.
    """
    if "PREFECT__WORKER_NAME" in os.environ:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    logging.getLogger("prefect.flow_runs").addFilter(_is_no_echo)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _is_no_echo(record: logging.LogRecord) -> bool:
    """Tell a message from the engine's echo of a failure that the final state has told already."""
    kind = record.exc_info[0] if record.exc_info else None
    return not (kind and issubclass(kind, FailedRun))
