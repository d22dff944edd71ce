"""DICOM: results as SEG, SR and RT structure sets. Needs the extra ``dicom``."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spondyl.errors import MissingDependencyError

if TYPE_CHECKING:
    from spondyl.dicom.objects.rtstruct import rtstruct_of, write_rtstruct
    from spondyl.dicom.objects.seg import seg_of, write_seg
    from spondyl.dicom.objects.sr import sr_of, write_sr

_HOMES = {
    "rtstruct_of": "objects.rtstruct",
    "seg_of": "objects.seg",
    "sr_of": "objects.sr",
    "write_rtstruct": "objects.rtstruct",
    "write_seg": "objects.seg",
    "write_sr": "objects.sr",
}

__all__ = ["rtstruct_of", "seg_of", "sr_of", "write_rtstruct", "write_seg", "write_sr"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562).

    Raises:
        MissingDependencyError: the extra ``dicom`` is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.dicom' has no attribute {name!r}")
    if find_spec("highdicom") is None:
        raise MissingDependencyError("DICOM needs highdicom; install it with: pip install 'spondyl[dicom]'")
    return getattr(import_module(f"spondyl.dicom.{_HOMES[name]}"), name)
