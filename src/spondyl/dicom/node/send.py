"""Results on their way to another application: C-STORE or DICOMweb's STOW-RS."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from spondyl.dicom.node.call import associated
from spondyl.dicom.node.config import NodeConfig, Peer
from spondyl.dicom.node.contexts import caller, contexts_for
from spondyl.dicom.node.tls import Tls
from spondyl.dicom.node.words import address
from spondyl.errors import MissingDependencyError, TransferError

__all__ = ["Sender", "destination", "make_sender", "send_dicom", "send_web", "web_client", "web_trouble"]

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 120
_STORED: Final = (0x0000, 0x0111)
"""Success, and "duplicate SOP instance" (PS3.7 annex C): UIDs come from the content, so it is there."""
_STORED_CONFUSED: Final = 0xB000
"""Statuses from here to 0xBFFF are warnings: stored, though something was changed."""


_NOT_THIS: Final = (409, 415)
"""HTTP statuses about the object, not about the service (PS3.18 table 10.5.3-1, RFC 9110)."""


class Sender(Protocol):
    """Delivers files, one after the other; one that is refused does not keep back the others."""

    def __call__(self, files: Sequence[Path]) -> Iterator[Path]:
        """Yield each file as soon as the other side has acknowledged it.

        Raises:
            TransferError: the other side cannot be reached, or in the end, it refused files.
        """
        ...


def make_sender(config: NodeConfig) -> Sender | None:
    """How a node delivers its results; ``None`` if they stay where they are."""
    if config.send_to is not None:
        peer = config.send_to
        return lambda files: send_dicom(files, peer, title=config.ae_title, tls=config.tls)
    if config.stow is not None:
        url, headers = config.stow, config.stow_headers
        return lambda files: send_web(files, url, headers)
    return None


def destination(config: NodeConfig) -> str:
    """Where a node delivers its results, without passwords; empty if they stay where they are."""
    if config.send_to is not None:
        return str(config.send_to)
    return address(config.stow) if config.stow is not None else ""


def send_dicom(files: Sequence[Path], peer: Peer, *, title: str, tls: Tls | None = None) -> Iterator[Path]:
    """Send files by C-STORE in one association; see :class:`Sender`.

    Args:
        files: DICOM files.
        peer: Who gets them.
        title: Application entity title of the sender.
        tls: Encrypts the association if it says so for outgoing ones.
    """
    refused: dict[str, None] = {}
    with associated(caller(title), peer, tls=tls, contexts=contexts_for(files)) as association:
        for file in files:
            try:
                answer = association.send_c_store(file)
            except ValueError:  # not negotiated
                refused[f"does not take {_kind(file)}"] = None
                continue
            except (RuntimeError, AttributeError) as error:
                raise TransferError(f"{peer} hung up") from error
            code: Any = answer.get("Status")
            if code is None:
                raise TransferError(f"{peer} gave no answer to an object")
            if code in _STORED or _STORED_CONFUSED <= code <= 0xBFFF:
                yield file
            else:
                refused[f"refuses {_kind(file)} with status 0x{code:04X}"] = None
    if refused:
        raise TransferError(f"{peer} {', '.join(refused)}")


def _kind(file: Path) -> str:
    """What an object is, e.g. ``Segmentation Storage``."""
    from pydicom.filereader import read_file_meta_info

    return str(read_file_meta_info(file).MediaStorageSOPClassUID.name)


def send_web(files: Sequence[Path], url: str, headers: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Send files by STOW-RS, one request each; see :class:`Sender`.

    Args:
        files: DICOM files.
        url: The service; ``/studies`` is added.
        headers: HTTP headers, e.g. ``Authorization``.
    """
    from pydicom import dcmread

    client = web_client(url, headers)
    refused: dict[str, None] = {}
    for file in files:
        try:
            answer = client.store_instances([dcmread(file)])
        except (OSError, ValueError) as error:  # requests' own errors are kinds of OSError
            if _status(error) not in _NOT_THIS:
                raise web_trouble(url, error) from error
            refused[f"refuses {_kind(file)} with HTTP status {_status(error)}"] = None
            continue
        if answer is None or answer.get("FailedSOPSequence"):  # Orthanc names it even when it is empty
            refused[f"refuses {_kind(file)}"] = None
        else:
            yield file
    if refused:
        raise TransferError(f"{address(url)} {', '.join(refused)}")


def _status(error: Exception) -> int | None:
    """The HTTP status that an error of the client is about."""
    found: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return found


def web_trouble(url: str, error: Exception) -> TransferError:
    """What to tell of an error of the client, without its words: they hold addresses with UIDs."""
    from requests.exceptions import SSLError

    if status := _status(error):
        how = f"answers HTTP status {status}"
    elif isinstance(error, SSLError):
        how = "makes no secure connection; is the authority of its certificate known here?"
    else:
        how = "cannot be reached"
    return TransferError(f"{address(url)} {how}")


def web_client(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """A DICOMweb client that tries once: when to try again is the queue's to say.

    Raises:
        MissingDependencyError: dicomweb-client is not installed.
    """
    try:
        from dicomweb_client import DICOMwebClient
    except ImportError as error:
        raise MissingDependencyError(
            "DICOMweb needs dicomweb-client: pip install 'spondyl[dicom]'"
        ) from error
    client = DICOMwebClient(url.rstrip("/"), headers=dict(headers or {}), timeout=_TIMEOUT_S)
    client.set_http_retry_params(retry=False)
    return client
