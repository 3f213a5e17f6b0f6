"""What native code prints stays hidden unless the work fails."""

import subprocess
import sys


def test_native_noise_is_held_back_unless_the_work_fails() -> None:
    script = (
        "import os\nfrom giemsa.training.silence import silence\n"
        "with silence():\n    os.write(1, b'noise')\n"
        "try:\n    with silence():\n        os.write(1, b'reason')\n        raise ValueError\n"
        "except ValueError:\n    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == "reason"
