"""De-identification of files, and the file of the secret from which new names come."""

import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spondyl.errors import InputError
from spondyl.io.atomic import atomic_path

if TYPE_CHECKING:
    from spondyl.dicom.identity import Dates

__all__ = ["deidentify_file", "secret_at"]

logger = logging.getLogger(__name__)

_BYTES: Final = 32
_SHORTEST: Final = 16


def secret_at(file: Path | str) -> bytes:
    """The secret in a file; made there, readable by its owner alone, if there is no such file.

    Raises:
        InputError: the file cannot be read, or holds less than a secret.
        OutputError: it cannot be made.
    """
    file = Path(file)
    if not file.exists():
        with atomic_path(file) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_bytes(secrets.token_bytes(_BYTES))
        logger.warning("%s: a new secret; keep it, or what leaves later will have other names", file)
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: expected the file of a secret: {error.strerror or error}") from error
    if len(secret) < _SHORTEST:
        raise InputError(
            f"{file}: a secret of {len(secret)} bytes; expected {_SHORTEST} or more: put the right"
            " file there, or delete this one to have a new one made"
        )
    return secret


def deidentify_file(file: Path, secret: bytes, *, dates: "Dates" = "remove") -> None:
    """Replace a DICOM file by its de-identified copy; see :func:`spondyl.dicom.deidentify`.

    Raises:
        InputError: the secret is too short.
        OutputError: the file cannot be written.
    """
    from pydicom import dcmread

    from spondyl.dicom.identity import deidentify
    from spondyl.dicom.objects.files import save

    save(deidentify(dcmread(file), secret, dates=dates), file)
