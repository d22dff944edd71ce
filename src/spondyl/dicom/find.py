"""Which series are in a folder, a zip archive or a DICOMDIR."""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from spondyl.dicom.archive import BROKEN
from spondyl.dicom.geometry import Stack, arrange
from spondyl.dicom.headers import read_header
from spondyl.dicom.series import SeriesInfo
from spondyl.dicom.slices import CT_CLASSES, HOUNSFIELD, Header
from spondyl.dicom.sources import Opener, list_sources
from spondyl.errors import ImageError

__all__ = ["find_series"]

_log = logging.getLogger(__name__)

_NO_VOLUME: Final = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "MIP": "a maximum intensity projection",
    "MAX_IP": "a maximum intensity projection",
    "MINIP": "a minimum intensity projection",
    "MIN_IP": "a minimum intensity projection",
    "PROJECTION IMAGE": "a projection",
    "VOLUME_RENDER": "a rendering",
    "VRT": "a rendering",
    "SSD": "a rendering",
    "SCREEN SAVE": "a screen shot",
    "DOSE_INFO": "a dose report",
    "DOSE": "a dose report",
}
"""Words of the image type (or of an enhanced frame's type) that say the pictures are no slices of a CT."""


def find_series(path: Path | str) -> tuple[SeriesInfo, ...]:
    """All series, those that cannot be read included, by study and series number.

    Only headers are read. Files that are not DICOM are passed over.

    Args:
        path: A folder (searched with its sub-folders), a zip archive, a DICOMDIR, or one file of a series.

    Raises:
        ImageError: nothing there, no DICOM in it, or an archive that cannot be trusted.
        MissingDependencyError: pydicom is not installed.
    """
    path = Path(path)
    groups: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    seen = 0
    damaged: list[str] = []
    with Opener() as opener:
        for source in list_sources(path, opener):
            seen += 1
            try:
                header = read_header(source, opener)
            except ImageError as error:
                if isinstance(error.__cause__, BROKEN):
                    raise
                damaged.append(str(error))
                continue
            if header is not None:
                groups[_key(header)].append(header)
    if not groups and damaged:
        raise ImageError(f"{path}: no readable DICOM file; {len(damaged)} damaged, the first: {damaged[0]}")
    if not groups:
        raise ImageError(f"{path}: no DICOM file among {seen} files")
    for message in damaged[:3]:
        _log.warning("%s; left out", message)
    if len(damaged) > 3:
        _log.warning("%s: %d more damaged files left out", path, len(damaged) - 3)
    found = [_describe(headers) for headers in groups.values()]
    return tuple(sorted(found, key=lambda info: (info.study_uid, info.number, info.uid)))


def _key(header: Header) -> tuple[str, ...]:
    """What files of one series share; without a UID, their folder."""
    if header.series_uid:
        return header.study_uid, header.series_uid
    member = header.source.member.rpartition("/")[0]
    return header.study_uid, "", str(header.source.path.parent), member, str(header.number)


def _describe(headers: Sequence[Header]) -> SeriesInfo:
    first = headers[0]
    stack, problem = _stack(headers)
    thickness = [piece.thickness_mm for header in headers for piece in header.slices]
    return SeriesInfo(
        first.study_uid,
        first.series_uid,
        first.number,
        first.description,
        first.modality,
        len(headers),
        first.kernel,
        first.image_type[:1] != ("DERIVED",),
        Counter(thickness).most_common(1)[0][0] if thickness else None,
        problem,
        stack,
        first.source.path if stack is None else stack.slices[0].source.path,
        first.patient,
    )


def _stack(headers: Sequence[Header]) -> tuple[Stack | None, str]:
    """How the slices of a series lie, or why it cannot be read."""
    if len({header.patient for header in headers}) > 1:
        return None, "its files belong to more than one patient"
    useless = Counter(filter(None, map(_useless, headers)))
    usable = [header for header in headers if not _useless(header)]
    if not usable:
        return None, "; ".join(useless)
    try:
        stack = arrange([piece for header in usable for piece in header.slices])
    except ImageError as error:
        return None, str(error)
    notes = [f"{count} file(s) left out: {reason}" for reason, count in useless.items()]
    if any(header.lossy for header in usable):
        notes.append("compressed with loss")
    return Stack(stack.slices, stack.grid, stack.places_vox, stack.shifts_vox, (*notes, *stack.notes)), ""


def _useless(header: Header) -> str:
    """Why a file is no slice of a CT, or nothing."""
    shown = [_NO_VOLUME[word] for word in header.image_type[2:] if word in _NO_VOLUME]
    reasons = (
        (header.modality != "CT", f"{header.modality or 'no modality'}, not CT"),
        (
            header.sop_class not in CT_CLASSES,
            "no CT slices but another kind of object (screen shot, report ...)",
        ),
        (bool(shown), "".join(shown[:1])),
        (header.samples != 1, "coloured pictures"),
        (header.unit not in HOUNSFIELD, f"values in {header.unit}, not HU"),
        (not header.slices, header.trouble),
    )
    return next((reason for applies, reason in reasons if applies), "")
