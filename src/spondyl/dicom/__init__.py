"""DICOM: CT series in; results out as SEG, SR and RT structure sets. Needs the extra ``dicom``.

>>> from spondyl.dicom import find_series, read_series
>>> for series in find_series("export/"):                  # doctest: +SKIP
...     print(series.uid, series.description, series.problem or "can be read")
>>> scan = read_series("export/")                          # doctest: +SKIP
>>> scan.volume.grid.spacing_mm                            # doctest: +SKIP

Names below are imported when first used.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spondyl.errors import MissingDependencyError

if TYPE_CHECKING:
    from spondyl.dicom.choose import Choice, choose_series
    from spondyl.dicom.find import find_series
    from spondyl.dicom.identity import deidentify
    from spondyl.dicom.objects.rtstruct import rtstruct_of, write_rtstruct
    from spondyl.dicom.objects.seg import seg_of, write_seg
    from spondyl.dicom.objects.sr import sr_of, write_sr
    from spondyl.dicom.read import DicomSeries, read_series
    from spondyl.dicom.series import SeriesInfo
    from spondyl.dicom.sources import is_dicom

_HOMES = {
    "Choice": "choose",
    "DicomSeries": "read",
    "SeriesInfo": "series",
    "choose_series": "choose",
    "find_series": "find",
    "is_dicom": "sources",
    "read_series": "read",
    "deidentify": "identity",
    "rtstruct_of": "objects.rtstruct",
    "seg_of": "objects.seg",
    "sr_of": "objects.sr",
    "write_rtstruct": "objects.rtstruct",
    "write_seg": "objects.seg",
    "write_sr": "objects.sr",
}

__all__ = [
    "Choice",
    "DicomSeries",
    "SeriesInfo",
    "choose_series",
    "deidentify",
    "find_series",
    "is_dicom",
    "read_series",
    "rtstruct_of",
    "seg_of",
    "sr_of",
    "write_rtstruct",
    "write_seg",
    "write_sr",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562).

    Raises:
        MissingDependencyError: it needs highdicom, and the extra ``dicom`` is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.dicom' has no attribute {name!r}")
    if _HOMES[name].startswith("objects.") and find_spec("highdicom") is None:
        raise MissingDependencyError("DICOM needs highdicom; install it with: pip install 'spondyl[dicom]'")
    return getattr(import_module(f"spondyl.dicom.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
