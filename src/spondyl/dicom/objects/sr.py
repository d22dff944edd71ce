"""DICOM structured reports: TID 1500 "Measurement Report" (PS3.16) as Comprehensive 3D SR."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from highdicom import sr
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept, Comprehensive3DSR
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import spondyl
from spondyl.anatomy import NAMES
from spondyl.dicom.objects.codes import (
    MANUFACTURER,
    SPINE,
    Algorithm,
    disc_code,
    is_general,
    region_code,
    vertebra_code,
)
from spondyl.dicom.objects.files import save
from spondyl.dicom.objects.headers import (
    Headers,
    content_uid,
    derived_head,
    describe,
    nameless,
    prepared,
    settle_times,
    time_of,
    tracking_uid,
)
from spondyl.dicom.objects.measures import SCHEME, comment, number, numbers, remarks
from spondyl.dicom.objects.planes import LPS
from spondyl.morphometry.result import Curve, DiscMeasures, Morphometry
from spondyl.spine import Spine, Vertebra

__all__ = ["sr_of", "write_sr"]

Group = sr.PlanarROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations


def write_sr(
    spine: Spine,
    headers: Headers,
    path: Path | str,
    *,
    measurements: Morphometry | None = None,
    when: datetime | None = None,
) -> None:
    """Write :func:`sr_of` to a file.

    Raises:
        ImageError: the headers do not say what is needed.
        OutputError: the file cannot be written.
    """
    save(sr_of(spine, headers, measurements=measurements, when=when), path)


def sr_of(
    spine: Spine, headers: Headers, *, measurements: Morphometry | None = None, when: datetime | None = None
) -> Comprehensive3DSR:
    """A spine as a structured report.

    Every vertebra is a group of measurements (TID 1410) whose region is its centroid, a point in the
    patient's frame of reference; every disc, every lateral curve and the spine as a whole are groups
    too (TID 1501). Flags, refused measurements and other numberings are comments of their group.
    Without vertebrae only the group of the spine remains. The same input gives the same object, UIDs
    included.

    Args:
        spine: Vertebrae; its mask is not needed.
        headers: Of the series it was found in, without pixels.
        measurements: By default those the spine holds, if any.
        when: Local time of the object; by default that of the series, so that nothing depends on the clock.

    Raises:
        ImageError: the headers do not say what is needed.
    """
    sources = prepared(headers)
    when = when or time_of(sources[0])
    measured = measurements or spine.measurements or Morphometry()
    content = ("SR", *describe(spine, sources, when), repr(measured.to_dict()))
    algorithm = Algorithm(spine)
    writer = _Writer(sources[0], algorithm)
    by_label = {found.label: found for found in measured.vertebrae}
    groups = [writer.spine(spine, measured)]
    for vertebra in spine:
        found = by_label.get(vertebra.label)
        groups.append(
            writer.vertebra(vertebra, found.values if found else {}, found.deformity if found else None)
        )
    groups += [writer.disc(disc) for disc in measured.discs]
    groups += [writer.curve(curve) for curve in measured.curves]
    document = Comprehensive3DSR(
        evidence=nameless(sources),
        content=_report(groups, algorithm)[0],
        is_complete=True,
        coding_schemes=[
            CodingSchemeIdentificationItem(SCHEME, name="Spondyl measurements", version=spondyl.__version__)
        ],
        **derived_head(sources[0], content, 3, when, algorithm.serial),
    )
    document.PatientName = sources[0].PatientName
    settle_times(document, when)
    return document


def _report(groups: Sequence[Group], algorithm: Algorithm) -> sr.MeasurementReport:
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=content_uid("device", algorithm.name, algorithm.version),
        name=algorithm.name,
        manufacturer_name=MANUFACTURER,
        model_name=MANUFACTURER,
        serial_number=algorithm.serial,
    )
    observer = sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )


class _Writer:
    """Makes the groups of one report."""

    def __init__(self, source: Dataset, algorithm: Algorithm) -> None:
        self._source = source
        self._algorithm = sr.AlgorithmIdentification(
            algorithm.name,
            algorithm.version,
            family=codes.DCM.ArtificialIntelligence,
            manufacturer=MANUFACTURER,
        )
        self._by_hand = algorithm.kind == "MANUAL"

    def spine(self, spine: Spine, measured: Morphometry) -> Group:
        """The scan as a whole."""
        items = [number("vertebrae", len(spine))]
        if spine.numbering_probability is not None:
            items.append(number("numbering_probability", spine.numbering_probability))
        others = (
            f"Other numbering ({other.probability:.0%}): {other.description}:"
            f" {' '.join(NAMES.get(label, '-') for label in other.labels)}"
            for other in spine.alternatives
        )
        return self._group(
            ("Spine", content_uid("spine", str(self._source.SeriesInstanceUID))),
            SPINE,
            [SPINE],
            [*items, *numbers(measured.angles)],
            [*(flag.message for flag in spine.flags), *others, *remarks(measured.angles)],
        )

    def vertebra(self, vertebra: Vertebra, values: Any, deformity: str | None) -> Group:
        """One vertebra: where its centroid is, and its measurements."""
        code = vertebra_code(vertebra.label)
        items = numbers(values)
        if vertebra.probability is not None:
            items.insert(0, number("name_probability", vertebra.probability))
        shape = [f"Suggested deformity: {deformity}"] if deformity else []
        return self._group(
            (vertebra.name, tracking_uid(self._source, vertebra.label)),
            code,
            [region_code(vertebra.label) if is_general(code) else code],
            items,
            [*(flag.message for flag in vertebra.flags), *shape, *remarks(values)],
            point_mm=LPS @ np.array(vertebra.centroid_mm),
        )

    def disc(self, disc: DiscMeasures) -> Group:
        """One disc."""
        name = f"{NAMES[disc.upper]}/{NAMES[disc.lower]}"
        code = disc_code(disc.upper, disc.lower)
        return self._group(
            (name, content_uid("disc", str(self._source.SeriesInstanceUID), name)),
            code,
            [vertebra_code(disc.upper), vertebra_code(disc.lower)],
            numbers(disc.values, "disc_"),
            remarks(disc.values, "disc_"),
        )

    def curve(self, curve: Curve) -> Group:
        """One lateral curve."""
        name = f"Curve {NAMES[curve.upper]}-{NAMES[curve.lower]}"
        values = {"coronal_cobb": curve.angle}
        return self._group(
            (name, content_uid("curve", str(self._source.SeriesInstanceUID), name)),
            SPINE,
            [vertebra_code(curve.upper), vertebra_code(curve.lower)],
            numbers(values),
            [f"Convex to the {curve.convex}", *remarks(values)],
        )

    def _group(
        self,
        tracking: tuple[str, str],
        finding: Code,
        sites: Sequence[Code],
        items: Sequence[sr.Measurement],
        comments: Iterable[str],
        point_mm: Any = None,
    ) -> Group:
        common: dict[str, Any] = {
            "tracking_identifier": sr.TrackingIdentifier(uid=tracking[1], identifier=tracking[0]),
            "finding_category": CodedConcept.from_code(codes.SCT.AnatomicalStructure),
            "finding_type": finding,
            "finding_sites": [sr.FindingSite(site) for site in dict.fromkeys(sites)],
            "algorithm_id": None if self._by_hand else self._algorithm,
            "measurements": items,
        }
        group: Group
        if point_mm is None:
            group = sr.MeasurementsAndQualitativeEvaluations(**common)
        else:
            frame = str(self._source.FrameOfReferenceUID)
            region = sr.ImageRegion3D("POINT", np.round(point_mm, 3)[None], frame)
            group = sr.PlanarROIMeasurementsAndQualitativeEvaluations(**common, referenced_region=region)
        group[0].ContentSequence.extend(comment(text) for text in comments)
        return group
