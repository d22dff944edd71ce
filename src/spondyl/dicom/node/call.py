"""An association with another application, from the call to the release."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from spondyl.dicom.node.config import Peer
from spondyl.dicom.node.sockets import calling_handlers, close_refused
from spondyl.dicom.node.tls import CallingContext, Tls, tls_trouble
from spondyl.errors import TransferError

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.association import Association

__all__ = ["associated"]


@contextmanager
def associated(
    ae: "AE",
    peer: Peer,
    *,
    tls: Tls | None = None,
    contexts: Any = None,
    handlers: Sequence[Any] = (),
    roles: Sequence[Any] = (),
) -> "Iterator[Association]":
    """Call another application; released at the end of the ``with`` block.

    Args:
        ae: The caller, from :func:`spondyl.dicom.node.contexts.caller`.
        peer: Whom to call.
        tls: Encrypts the association if it says so for outgoing ones.
        contexts: Presentation contexts to propose; by default those requested of ``ae``.
        handlers: Of pynetdicom's events.
        roles: Role selections to propose.

    Raises:
        InputError: a file of ``tls`` cannot be used.
        TransferError: it cannot be reached, or refuses the association.
    """
    from pynetdicom import evt

    context = tls.calling() if tls is not None and tls.outgoing else None
    heard: list[Any] = []
    try:
        association = ae.associate(
            peer.host,
            peer.port,
            contexts=contexts,
            ae_title=peer.title,
            evt_handlers=[*calling_handlers(), (evt.EVT_CONN_OPEN, heard.append), *handlers],
            ext_neg=list(roles),
            tls_args=(context, peer.host) if context is not None else None,
        )
    except OSError as error:  # no such host, mostly
        raise TransferError(f"{peer} cannot be reached: {error.strerror or error}") from error
    if not association.is_established:
        close_refused(association)
        raise TransferError(f"{peer} {_why(association, context, heard=bool(heard))}")
    try:
        yield association
    finally:
        association.release()


def _why(association: "Association", context: CallingContext | None, *, heard: bool) -> str:
    """Why there is no association, and what to check."""
    from pydicom.uid import UID

    answer = association.acceptor.primitive
    if association.is_rejected:
        how = "refuses the association" + (f" ({answer.reason_str})" if answer is not None else "")
    elif answer is not None:
        kinds = dict.fromkeys(
            UID(str(each.abstract_syntax)).name for each in association.requestor.requested_contexts
        )
        return f"does not take or offer {', '.join(kinds)}"
    elif context is not None and context.trouble is not None:
        how = tls_trouble(context.trouble)
        return f"{how}; check the port, the tls settings and the certificates of both sides"
    elif heard:
        return "takes the call, but gives no answer in DICOM; check its port, and whether it wants TLS"
    else:
        how = "cannot be reached"
    return f"{how}; check its address, its title, and that it knows {association.ae.ae_title!r}"
