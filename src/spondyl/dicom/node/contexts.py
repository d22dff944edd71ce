"""What is negotiated when two DICOM applications meet: classes of objects, and how their bytes are coded."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spondyl.dicom.node.config import NodeConfig
from spondyl.errors import MissingDependencyError

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.presentation import PresentationContext

__all__ = ["CT_CLASSES", "CT_SYNTAXES", "IDLE_S", "acceptor", "caller", "contexts_for", "quiet_library"]

CT_CLASSES: Final = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
)

CT_SYNTAXES: Final = (
    "1.2.840.10008.1.2.1",  # explicit VR little endian
    "1.2.840.10008.1.2",  # implicit VR little endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.2",  # explicit VR big endian, retired
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first order
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.5",  # RLE
)

_VERIFICATION: Final = "1.2.840.10008.1.1"

IDLE_S: Final = 60
"""An association without any traffic for this long is cut."""


def quiet_library() -> None:
    """Stop pynetdicom from describing every message in the log.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        from pynetdicom import _config
    except ImportError as error:
        raise MissingDependencyError("a DICOM node needs pynetdicom: pip install 'spondyl[dicom]'") from error
    _config.LOG_HANDLER_LEVEL = "none"


def acceptor(config: NodeConfig) -> "AE":
    """An application that answers C-ECHO and takes CT objects from those that are allowed."""
    from pynetdicom import AE, AllStoragePresentationContexts

    ae = AE(ae_title=config.ae_title)
    ae.require_called_aet = True
    ae.require_calling_aet = list(config.allow)
    ae.network_timeout = IDLE_S
    ae.add_supported_context(_VERIFICATION)
    others = AllStoragePresentationContexts if config.others == "drop" else []
    classes = {*CT_CLASSES, *(str(context.abstract_syntax) for context in others)}
    for uid in sorted(classes):
        ae.add_supported_context(uid, list(CT_SYNTAXES))
    return ae


def caller(title: str) -> "AE":
    """An application that calls others; waits for an answer as long as a busy archive may need.

    Raises:
        MissingDependencyError: pynetdicom is not installed.
    """
    quiet_library()
    from pynetdicom import AE

    ae = AE(ae_title=title)
    ae.connection_timeout = ae.acse_timeout = 15
    ae.dimse_timeout = ae.network_timeout = 120
    return ae


def contexts_for(files: Iterable[Path]) -> "list[PresentationContext]":
    """What to propose to send these files: their own coding, and plain ones if they are not compressed."""
    from pydicom.filereader import read_file_meta_info
    from pynetdicom import build_context

    wanted: dict[tuple[str, str], None] = {}
    for file in files:
        meta: Any = read_file_meta_info(file)
        syntax = meta.TransferSyntaxUID
        plain = [] if syntax.is_encapsulated else list(CT_SYNTAXES[:2])
        for each in [str(syntax), *plain]:
            wanted[str(meta.MediaStorageSOPClassUID), each] = None
    return [build_context(*pair) for pair in wanted]
