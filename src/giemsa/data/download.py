"""Download BloodMNIST, checked against the MD5 that MedMNIST publishes."""

import os
import sys
from pathlib import Path

import pooch

from giemsa.errors import CheckFailedError, UsageError

ADDRESS = "https://zenodo.org/records/10519652/files"
#: MedMNIST v2 (Yang et al., Scientific Data 2023), ``medmnist.INFO["bloodmnist"]``, by side in pixels.
MD5 = {
    28: "7053d0359d879ad8a5505303e11de1dc",
    64: "2b94928a2ae4916078ca51e05b6b800b",
    128: "adace1e0ed228fccda1f39692059dd4c",
    224: "b718ff6835fcbdb22ba9eacccd7b2601",
}


def bloodmnist(name: str, address: str = ADDRESS) -> Path:
    """Give the npz file of BloodMNIST, downloaded at the first call and kept.

    It is kept in the folder that ``GIEMSA_CACHE`` names, else in the system's cache folder.

    Args:
        name: ``"bloodmnist"``, 28 pixels a side, or ``"bloodmnist:64"``, ``":128"``, ``":224"``.
        address: the folder to download from.

    Raises:
        UsageError: if there is no such size.
        CheckFailedError: if it cannot be downloaded, or is not what was published.
    """
    size = name.partition(":")[2] or "28"
    if size not in {str(known) for known in MD5}:
        message = f'"{name}" is not on offer: give bloodmnist with :28, :64, :128 or :224.'
        raise UsageError(message)
    file = "bloodmnist.npz" if size == "28" else f"bloodmnist_{size}.npz"
    folder = Path(os.environ.get("GIEMSA_CACHE") or pooch.os_cache("giemsa"))
    pooch.get_logger().setLevel("ERROR")
    try:
        fetched = pooch.retrieve(
            f"{address}/{file}",
            known_hash=f"md5:{MD5[int(size)]}",
            fname=file,
            path=folder,
            progressbar=sys.stderr.isatty(),
        )
    except ValueError:
        message = f"{file} from {address} is not the published one (its MD5 differs): try again later."
        raise CheckFailedError(message) from None
    except OSError as error:  # that is what the errors of requests are
        message = (
            f"{file} cannot be downloaded from {address} ({type(error).__name__}): "
            f"go online, or put the file into {folder} yourself."
        )
        raise CheckFailedError(message) from None
    return Path(fetched)
