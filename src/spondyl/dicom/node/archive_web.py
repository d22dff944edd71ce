"""An archive that speaks DICOMweb: QIDO-RS and WADO-RS (PS3.18)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from spondyl.dicom.node.archive import FoundStudy, check_dates, check_uid, found_study, object_path, some
from spondyl.dicom.node.send import web_client
from spondyl.errors import TransferError
from spondyl.io.atomic import atomic_path

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
        from pydicom import Dataset

        filters = {"ModalitiesInStudy": modality, "StudyDate": check_dates(dates)}
        client = web_client(self.url, self.headers)
        with self._told():
            answers = client.search_for_studies(
                search_filters={name: value for name, value in filters.items() if value},
                fields=["StudyDate", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"],
            )
        return [found_study(Dataset.from_json(answer)) for answer in answers]

    def fetch(self, study: str, folder: Path, *, progress: Callable[[int], None] | None = None) -> list[Path]:
        """See :meth:`spondyl.dicom.node.archive.Archive.fetch`; by WADO-RS."""
        from pydicom import Dataset

        client = web_client(self.url, self.headers)
        files: list[Path] = []
        with self._told():
            answers = client.search_for_series(check_uid(study), search_filters={"Modality": "CT"})
            for series in some(
                [str(Dataset.from_json(each).SeriesInstanceUID) for each in answers], self.url
            ):
                for found in client.iter_series(study, series):
                    target = object_path(folder, study, series, str(found.SOPInstanceUID))
                    with atomic_path(target) as temporary:
                        found.save_as(temporary)
                    files.append(target)
                    if progress is not None:
                        progress(len(files))
        return files

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the client as ours, without its words: they hold addresses with UIDs."""
        try:
            yield
        except OSError as error:  # requests' own errors are kinds of OSError
            status = getattr(getattr(error, "response", None), "status_code", None)
            how = f"answers HTTP status {status}" if status else "cannot be reached"
            raise TransferError(f"{self.url} {how}") from error
        except ValueError as error:
            raise TransferError(f"{self.url} gives an answer that is no DICOMweb") from error
