"""The node's ear: answers C-ECHO, takes CT objects by C-STORE, and refuses strangers.

An object is streamed to the disk, hashed, flushed, moved to its study and recorded before its sender is told
that it was taken; so whatever was acknowledged is kept, whenever the program ends.
"""

import logging
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from spondyl.dicom.headers import read_tags
from spondyl.dicom.node.config import NodeConfig
from spondyl.dicom.node.contexts import CT_CLASSES, IDLE_S, acceptor, quiet_library
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.sockets import Connections
from spondyl.dicom.node.store import Store, hash_file
from spondyl.dicom.node.study import Instance, Stage, Study
from spondyl.dicom.node.words import told
from spondyl.errors import OutputError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom.events import Event

__all__ = ["Receiver"]

logger = logging.getLogger(__name__)

# Status codes of the storage service, DICOM PS3.4 table B.2-1.
_SUCCESS: Final = 0x0000
_OUT_OF_RESOURCES: Final = 0xA700
_NOT_ITS_CLASS: Final = 0xA900
_NOT_UNDERSTOOD: Final = 0xC000

_UID: Final = re.compile(r"[0-9.]{1,64}")
_HEADER: Final = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID"]
_LARGEST_COMMAND: Final = 2**20
"""Bytes of one message that are kept in memory: all but the data set of a C-STORE."""
_FAREWELL_S: Final = 2
_LOOK_EVERY: Final = 2**24
"""Bytes of one object between two looks at the free space."""


class RefusedError(Exception):
    """An object that is not taken, with the status and the words that tell its sender why."""

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(comment)
        self.status = status


class Receiver:
    """Listens for other DICOM applications. Sets temporary files of this process to go to the store.

    Args:
        config: Who it is, whom it hears, and its limits.
        store: Where files go.
        queue: Where studies are recorded.
        files: Held while files of a study are moved or deleted.
    """

    def __init__(
        self,
        config: NodeConfig,
        store: Store,
        queue: StudyQueue,
        *,
        files: Lock,
    ) -> None:
        self._config, self._store, self._queue, self._files = config, store, queue, files
        # Weak, since an object may still be taken when its association has ended.
        self._brought = WeakKeyDictionary[Any, set[int]]()  # association -> studies that it brought
        self._coming = WeakKeyDictionary[Any, int]()  # association -> bytes since its last whole object
        self._connections = Connections(IDLE_S)
        self._full = False
        self._ae: Any = None
        self._server: Any = None
        self._tempdir: str | None = None

    def start(self) -> int:
        """Begin to listen. Returns the port.

        Raises:
            InputError: a certificate, key or file of authorities cannot be used.
            OutputError: the address cannot be listened on.
            MissingDependencyError: pynetdicom is not installed.
        """
        quiet_library()
        from pynetdicom import evt

        tls = self._config.tls
        context = tls.listening() if tls is not None and tls.incoming else None
        self._ae = acceptor(self._config)
        handlers: list[Any] = [
            *self._connections.handlers(),
            (evt.EVT_C_STORE, self._store_object),
            (evt.EVT_DATA_RECV, self._watch_size),
            (evt.EVT_RELEASED, self._released),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_REJECTED, self._rejected),
        ]
        self._stream(on=True)
        try:
            self._server = self._ae.start_server(
                (self._config.host, self._config.port),
                block=False,
                ssl_context=context,
                evt_handlers=handlers,
            )
        except OSError as error:
            self._stream(on=False)
            raise OutputError(
                f"cannot listen on {self._config.host} port {self._config.port}: {error.strerror or error};"
                " choose another port, or stop what listens there"
            ) from error
        return int(self._server.server_address[1])

    def stop_listening(self) -> None:
        """Take no new association; those that are open go on."""
        if self._server is not None:
            self._connections.hang_up_strangers()  # else their handshakes would be waited for
            self._server.shutdown()
            self._server = None

    def busy(self) -> bool:
        """Whether an association is open."""
        return self._ae is not None and any(each.is_established for each in self._ae.active_associations)

    def stop(self) -> None:
        """Cut what is open."""
        self.stop_listening()
        if self._ae is not None:
            callers = self._ae.active_associations
            talking = [each for each in callers if each.is_established]
            for association in talking:
                association.abort(block=False)
            _join(talking, _FAREWELL_S)
            self._connections.hang_up()  # who is in the middle of a message hears no abort
            _join(callers, _FAREWELL_S)
            self._stream(on=False)
            self._ae = None

    def _stream(self, *, on: bool) -> None:
        """Let pynetdicom write to temporary files, and those to the store: switches of the process."""
        from pynetdicom import _config

        _config.STORE_RECV_CHUNKED_DATASET = on
        tempfile.tempdir, self._tempdir = str(self._store.incoming) if on else self._tempdir, tempfile.tempdir

    # -- events -------------------------------------------------------------------------------------------

    def _store_object(self, event: "Event") -> "int | Dataset":
        """C-STORE: the answer to the sender."""
        self._coming[event.assoc] = 0
        try:
            self._take(event)
        except RefusedError as refused:
            return _status(refused.status, str(refused))
        except (OSError, sqlite3.Error) as error:
            logger.error("an object could not be stored: %s", told(error))  # noqa: TRY400
            return _status(_OUT_OF_RESOURCES, "cannot be stored now, send it again later")
        return _SUCCESS

    def _take(self, event: "Event") -> None:
        command = event.request
        if command.AffectedSOPClassUID not in CT_CLASSES:
            return  # config.others is "drop", or the association would not have been accepted with it
        self._check_space()
        file = Path(event.dataset_path)
        study_uid, uid = self._identify(file, command)
        source = event.assoc.requestor.ae_title
        instance = Instance(uid, hash_file(file), file.stat().st_size)
        with self._files:
            study = self._queue.open(study_uid, source)
            self._check_limits(study, instance)
            self._store.place(file, study.id, uid)
            new = self._queue.add(study.id, instance, source, complete_in=self._config.patience_s)
        brought = self._brought.setdefault(event.assoc, set())
        if study.id not in brought:
            brought.add(study.id)
            what = "receiving" if new else "receiving again"
            logger.info("study %d: %s from %r", study.id, what, source)

    def _identify(self, file: Path, command: Any) -> tuple[str, str]:
        """Study and SOP Instance UID of a received file."""
        try:
            header = read_tags(file, _HEADER)
            class_uid, uid, study_uid = (str(header.get(name, "")) for name in _HEADER)
        except Exception as error:  # pydicom raises many kinds, and their words may hold values
            raise RefusedError(_NOT_UNDERSTOOD, "not a readable data set") from error
        if class_uid != command.AffectedSOPClassUID or uid != command.AffectedSOPInstanceUID:
            raise RefusedError(_NOT_ITS_CLASS, "class or instance UID differs from the request's")
        if not (_UID.fullmatch(uid) and _UID.fullmatch(study_uid)):
            raise RefusedError(_NOT_UNDERSTOOD, "SOP or Study Instance UID missing or invalid")
        return study_uid, uid

    def _check_space(self) -> None:
        full = self._store.free_mb() < self._config.min_free_mb
        if full and not self._full:
            logger.error("nothing is received: less than %d MB free", self._config.min_free_mb)
        self._full = full
        if full:
            raise RefusedError(_OUT_OF_RESOURCES, "disk nearly full, send it again later")

    def _check_limits(self, study: Study, instance: Instance) -> None:
        """Give up a study that this instance makes too large; one that is there already adds nothing."""
        if study.stage == Stage.REFUSED:
            raise RefusedError(_OUT_OF_RESOURCES, f"study refused: {study.error}")
        before = self._queue.size_of(study.id, instance.uid)
        if study.instances + (before is None) > self._config.max_instances:
            reason = f"more than {self._config.max_instances} instances"
        elif study.bytes - (before or 0) + instance.size > self._config.max_study_mb * 1e6:
            reason = f"larger than {self._config.max_study_mb} MB"
        else:
            return
        logger.error("study %d: refused: %s", study.id, reason)
        self._queue.refuse(study.id, reason)
        self._store.delete(study.id)
        raise RefusedError(_OUT_OF_RESOURCES, f"study refused: {reason}")

    def _watch_size(self, event: "Event") -> None:
        """Cut an association whose one object outgrows the limit of a study, or the disk, or the memory."""
        assoc = event.assoc
        before = self._coming.get(assoc, 0)
        now = self._coming[assoc] = before + len(event.data)
        looks = now // _LOOK_EVERY > before // _LOOK_EVERY
        message: Any = assoc.dimse.message
        if now > self._config.max_study_mb * 1e6:
            why = "an object is too large"
        elif looks and self._store.free_mb() < self._config.min_free_mb / 2:
            why = "the disk is nearly full"
        elif message and message.encoded_command_set.tell() + message.data_set.tell() > _LARGEST_COMMAND:
            why = "a command is too large"
        else:
            return
        logger.error("association with %r cut: %s", assoc.requestor.ae_title, why)
        assoc.abort()

    def _released(self, event: "Event") -> None:
        """The sender has said that this was all."""
        studies = self._brought.pop(event.assoc, set())
        if studies:
            self._queue.settle(studies, complete_in=self._config.quiet_s)

    def _closed(self, event: "Event") -> None:
        self._coming.pop(event.assoc, None)
        half = getattr(event.assoc.dimse.message, "_data_set_file", None)  # pynetdicom leaves it there
        if half is not None:
            half.close()
            Path(half.name).unlink(missing_ok=True)
        cut = self._brought.pop(event.assoc, set()) if not event.assoc.is_released else set()
        for study in cut:
            logger.warning("study %d: its association was cut; waiting for the rest", study)

    @staticmethod
    def _rejected(event: "Event") -> None:
        caller = event.assoc.requestor
        called = getattr(caller.primitive, "called_ae_title", "")
        logger.warning("refused %r at %s calling %r", caller.ae_title, caller.address, called)


def _join(threads: Iterable[Thread], seconds: float) -> None:
    """Wait for threads to end, so long in all."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))


def _status(code: int, comment: str) -> "Dataset":
    """A C-STORE answer with words; the comment has at most 64 characters (VR LO)."""
    from pydicom import Dataset

    status = Dataset()
    status.Status = code
    status.ErrorComment = comment[:64]
    return status
