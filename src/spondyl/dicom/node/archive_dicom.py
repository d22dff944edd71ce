"""An archive that speaks DICOM: C-FIND, and C-GET or C-MOVE (PS3.4 annex C, study root)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spondyl.dicom.node.archive import (
    FoundStudy,
    check_dates,
    check_uid,
    found_studies,
    object_path,
    series_uids,
)
from spondyl.dicom.node.call import associated
from spondyl.dicom.node.config import Peer
from spondyl.dicom.node.contexts import CT_CLASSES, CT_SYNTAXES, caller
from spondyl.dicom.node.tls import Tls
from spondyl.errors import SpondylError, TransferError
from spondyl.io.atomic import atomic_path

if TYPE_CHECKING:
    from pydicom import Dataset
    from pynetdicom.association import Association

__all__ = ["DicomArchive"]

# Study Root Query/Retrieve Information Models.
_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"

_SUCCESS: Final = 0x0000
_PENDING: Final = (0xFF00, 0xFF01)
_CANNOT_STORE: Final = 0xA700


@dataclass(frozen=True)
class DicomArchive:
    """An archive that speaks DICOM.

    Attributes:
        peer: Its title and address.
        title: The title that calls it.
        tls: Encrypts what is said if it says so for outgoing associations.
    """

    peer: Peer
    title: str = "SPONDYL"
    tls: Tls | None = None

    def find(self, dates: str = "", modality: str = "CT") -> list[FoundStudy]:
        """See :meth:`spondyl.dicom.node.archive.Archive.find`."""
        query = _query("STUDY", StudyDate=check_dates(dates), ModalitiesInStudy=modality)
        query.StudyInstanceUID = ""
        query.NumberOfStudyRelatedInstances = None
        return found_studies(self._ask(query), self.peer)

    def fetch(self, study: str, folder: Path, *, progress: Callable[[int], None] | None = None) -> list[Path]:
        """See :meth:`spondyl.dicom.node.archive.Archive.fetch`; by C-GET."""
        from pynetdicom import evt

        files: list[Path] = []
        problems: list[SpondylError] = []

        def keep(event: Any, series: str) -> int:
            try:
                target = object_path(folder, study, series, event.request.AffectedSOPInstanceUID)
                with atomic_path(target) as temporary:
                    temporary.write_bytes(event.encoded_dataset())
            except SpondylError as error:
                problems.append(error)
                return _CANNOT_STORE
            files.append(target)
            if progress is not None:
                progress(len(files))
            return _SUCCESS

        for series in self.series(study):
            with self._calling(_GET, [(evt.EVT_C_STORE, keep, [series])]) as association:
                answers = association.send_c_get(_series(study, series), _GET)
                try:
                    self._exhaust(answers)
                except TransferError:
                    if not problems:
                        raise
            if problems:
                raise problems[0]
        return files

    def move(self, study: str, to: str) -> int:
        """Let the archive send the CT series of a study to a title that it knows, e.g. a node, by C-MOVE.

        Returns:
            How many series it has sent.

        Raises:
            InputError: the UID is none.
            TransferError: as for :meth:`fetch`, or the archive does not know the title.
        """
        series = self.series(study)
        with self._calling(_MOVE) as association:
            for uid in series:
                self._exhaust(association.send_c_move(_series(study, uid), to, _MOVE))
        return len(series)

    def series(self, study: str) -> list[str]:
        """Series Instance UIDs of the CT series of a study.

        Raises:
            InputError: the UID is none.
            TransferError: the archive cannot be reached, refuses, or has none.
        """
        query = _query("SERIES", StudyInstanceUID=check_uid(study), Modality="CT", SeriesInstanceUID="")
        return series_uids(self._ask(query), self.peer)

    def _ask(self, query: "Dataset") -> "list[Dataset]":
        with self._calling(_FIND) as association:
            return self._exhaust(association.send_c_find(query, _FIND))

    @contextmanager
    def _calling(self, model: str, handlers: Sequence[Any] = ()) -> "Iterator[Association]":
        """An association for one service."""
        ae = caller(self.title)
        from pynetdicom import build_role

        ae.add_requested_context(model)
        if model == _GET:  # one context per coding: with all in one, only one would be negotiated
            for uid in CT_CLASSES:
                for syntax in CT_SYNTAXES:
                    ae.add_requested_context(uid, syntax)
        roles = [build_role(uid, scp_role=True) for uid in CT_CLASSES] if model == _GET else []
        with associated(ae, self.peer, tls=self.tls, handlers=handlers, roles=roles) as association:
            try:
                yield association
            except ValueError as error:  # pynetdicom's word for a service that was not negotiated
                raise TransferError(f"{self.peer} does not offer this service") from error
            except RuntimeError as error:  # and for an association that has ended
                raise TransferError(f"{self.peer} hung up") from error

    def _exhaust(self, answers: "Iterator[tuple[Dataset, Dataset | None]]") -> "list[Dataset]":
        """The matches among the answers.

        Raises:
            TransferError: the last answer is no success.
        """
        matches = []
        for status, identifier in answers:
            code: Any = status.get("Status")
            if code is None:
                raise TransferError(f"{self.peer} hung up, or gave no answer")
            if code in _PENDING and identifier is not None:
                matches.append(identifier)
            elif code not in (_SUCCESS, *_PENDING):
                raise TransferError(f"{self.peer} answers with status 0x{code:04X}")
        return matches


def _query(level: str, **keys: str) -> "Dataset":
    from pydicom import Dataset

    query = Dataset()
    query.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(query, name, value)
    return query


def _series(study: str, series: str) -> "Dataset":
    return _query("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
