"""An association with another application, from the call to the release."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spondyl.dicom.node.config import Peer
from spondyl.dicom.node.sockets import calling_handlers
from spondyl.errors import TransferError

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.association import Association

__all__ = ["associated"]


@contextmanager
def associated(
    ae: "AE", peer: Peer, *, contexts: Any = None, handlers: Sequence[Any] = (), roles: Sequence[Any] = ()
) -> "Iterator[Association]":
    """Call another application; released at the end of the ``with`` block.

    Args:
        ae: The caller, from :func:`spondyl.dicom.node.contexts.caller`.
        peer: Whom to call.
        contexts: Presentation contexts to propose; by default those requested of ``ae``.
        handlers: Of pynetdicom's events.
        roles: Role selections to propose.

    Raises:
        TransferError: it cannot be reached, or refuses the association.
    """
    association = ae.associate(
        peer.host,
        peer.port,
        contexts=contexts,
        ae_title=peer.title,
        evt_handlers=[*calling_handlers(), *handlers],
        ext_neg=list(roles),
    )
    if not association.is_established:
        how = "refuses the association" if association.is_rejected else "cannot be reached"
        raise TransferError(f"{peer} {how}; check its address, its title, and that it knows {ae.ae_title!r}")
    try:
        yield association
    finally:
        association.release()
