"""Run a command that cannot outlive the program that started it, however that program ends.

The owner holds the only writing end of a pipe. When it closes the pipe, or dies by whatever signal, the
leash reads the end of the pipe and stops the command with every process of its group.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

GRACE_S = 8.0


@contextmanager
def leashed(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
) -> Iterator[subprocess.Popen[str]]:
    """Start ``command`` in a process group of its own; whoever leaves the block leaves no process behind.

    Args:
        command: program and arguments.
        cwd: the folder to run in.
        env: the whole environment, else ours.
        stdout: where standard output and standard error go, together; a pipe of text lines by default.

    Yields:
        The leash: its exit code is the command's, 128 + n where signal n ended it.
    """
    leash = [sys.executable, "-IS", __file__, *command]
    with subprocess.Popen(  # noqa: S603 - a list of arguments, never a shell
        leash,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def hold(command: Sequence[str]) -> int:
    """Run ``command`` until it ends or the pipe on standard input does; give its exit code."""
    try:
        child = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}.", file=sys.stderr)  # noqa: T201
        return 127
    signal.signal(signal.SIGTERM, lambda *_: _signal(child.pid, signal.SIGTERM))
    threading.Thread(target=_stop_at_end_of_pipe, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _clear(child.pid)
    return code if code >= 0 else 128 - code


def _stop_at_end_of_pipe(group: int) -> None:
    while os.read(0, 1):
        pass
    _signal(group, signal.SIGTERM)
    time.sleep(GRACE_S)
    _signal(group, signal.SIGKILL)


def _clear(group: int) -> None:
    """Let what the command left behind end by itself for a while, then end it."""
    deadline = time.monotonic() + GRACE_S
    while _signal(group, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    sys.exit(hold(sys.argv[1:]))
