"""An archive that speaks DICOMweb: QIDO-RS and WADO-RS (PS3.18)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spondyl.dicom.node.archive import (
    FoundStudy,
    check_dates,
    check_uid,
    found_studies,
    object_path,
    series_uids,
)
from spondyl.dicom.node.send import web_client, web_trouble
from spondyl.dicom.node.words import address
from spondyl.dicom.tags import text
from spondyl.errors import TransferError
from spondyl.io.atomic import atomic_path

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["WebArchive"]


@dataclass(frozen=True)
class WebArchive:
    """An archive that speaks DICOMweb.

    Attributes:
        url: The service; ``/studies`` is added.
        headers: HTTP headers, e.g. ``Authorization``.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, dates: str = "", modality: str = "CT") -> list[FoundStudy]:
        """See :meth:`spondyl.dicom.node.archive.Archive.find`."""
        filters = {"ModalitiesInStudy": modality, "StudyDate": check_dates(dates)}
        client = web_client(self.url, self.headers)
        answers = self._all(
            client.search_for_studies,
            "StudyInstanceUID",
            search_filters={name: value for name, value in filters.items() if value},
            fields=["StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"],
        )
        return found_studies(answers, address(self.url))

    def fetch(self, study: str, folder: Path, *, progress: Callable[[int], None] | None = None) -> list[Path]:
        """See :meth:`spondyl.dicom.node.archive.Archive.fetch`; by WADO-RS."""
        client = web_client(self.url, self.headers)
        files: list[Path] = []
        answers = self._all(
            partial(client.search_for_series, check_uid(study)),
            "SeriesInstanceUID",
            search_filters={"Modality": "CT"},
        )
        with self._told():
            for series in series_uids(answers, address(self.url)):
                for found in client.iter_series(study, series):
                    target = object_path(folder, study, series, str(found.SOPInstanceUID))
                    with atomic_path(target) as temporary:
                        found.save_as(temporary)
                    files.append(target)
                    if progress is not None:
                        progress(len(files))
        return files

    def _all(self, search: Callable[..., Any], uid: str, **more: Any) -> "list[Dataset]":
        """All answers to a search: many archives give some at a time (PS3.18 8.3.4.4).

        Raises:
            TransferError: the archive cannot be reached, refuses, or gives no DICOM.
        """
        from pydicom import Dataset

        found: dict[str, Dataset] = {}
        count = 0
        with self._told():
            while True:
                answers = [Dataset.from_json(each) for each in search(offset=count, **more)]
                fresh = {text(answer, uid): answer for answer in answers}
                if fresh.keys() <= found.keys():  # the end, or an archive that does not know offsets
                    return list(found.values())
                found |= fresh
                count += len(answers)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the client as ours."""
        try:
            yield
        except OSError as error:  # requests' own errors are kinds of OSError
            raise web_trouble(self.url, error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TransferError(f"{address(self.url)} gives an answer that is no DICOMweb") from error
