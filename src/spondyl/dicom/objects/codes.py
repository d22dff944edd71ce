"""The words of DICOM objects: codes of vertebrae, of the algorithm, of measurements and units."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

import spondyl
from spondyl.anatomy import COLOURS, NAMES, SNOMED, Region, region_of
from spondyl.spine import Spine

__all__ = [
    "MANUFACTURER",
    "SPINE",
    "Algorithm",
    "colour_of",
    "disc_code",
    "is_general",
    "region_code",
    "vertebra_code",
]

MANUFACTURER: Final = "Spondyl"
"""Manufacturer and model name of every object."""

SPINE: Final[Code] = codes.SCT.Spine
"""The spine as a whole."""

_REGIONS: Final[dict[Region, Code]] = {
    Region.CERVICAL: codes.SCT.CervicalSpine,
    Region.THORACIC: codes.SCT.ThoracicSpine,
    Region.LUMBAR: codes.SCT.LumbarSpine,
    Region.SACRAL: codes.SCT.Sacrum,
}


def vertebra_code(label: int) -> Code:
    """SNOMED CT code of a vertebra (CID 7603); T13, L6, S1 and S2 have that of any vertebra."""
    value, meaning = SNOMED[label]
    return Code(value, "SCT", meaning)


def is_general(code: Code) -> bool:
    """Whether a code means any vertebra, so that the region has to be told beside it."""
    return bool(code == codes.SCT.Vertebra)


def disc_code(upper: int, lower: int) -> Code:
    """SNOMED CT code of the disc between two vertebrae (CID 7604), else that of any disc."""
    keyword = f"{NAMES[upper]}{NAMES[lower]}Disc"
    found = getattr(codes.SCT, keyword, None)
    return found or Code("360499006", "SCT", "Intervertebral disc")


def region_code(label: int) -> Code:
    """SNOMED CT code of the part of the spine a vertebra belongs to."""
    return _REGIONS[region_of(label)]


def colour_of(label: int) -> CIELabColor:
    """The colour a vertebra has everywhere, see :data:`spondyl.anatomy.COLOURS`."""
    return CIELabColor.from_rgb(*COLOURS[label])


class Algorithm:
    """What made a spine.

    Attributes:
        kind: ``"AUTOMATIC"``; ``"SEMIAUTOMATIC"`` after a correction by hand; ``"MANUAL"`` for
            annotations, which no model made.
        name: Program and model.
        version: Of the program, and the first digits of a hash of the model's files.
        serial: These digits alone; tells one training from another.
    """

    def __init__(self, spine: Spine) -> None:
        model = spine.provenance.get("model")
        known: Mapping[str, Any] = model if isinstance(model, Mapping) else {}
        corrected = any(flag.code == "corrected" for flag in spine.flags)
        self.kind = "MANUAL" if not known else "SEMIAUTOMATIC" if corrected else "AUTOMATIC"
        self.name = f"{MANUFACTURER} {known.get('name', '')}".strip()
        hashes = " ".join(sorted(dict(known.get("sha256", {})).values()))
        self.serial = hashlib.sha256(hashes.encode()).hexdigest()[:16] if hashes else "0"
        self.version = spondyl.__version__ + (f"+{self.serial}" if hashes else "")

    def identification(self) -> AlgorithmIdentificationSequence | None:
        """For a segment; ``None`` where no algorithm was at work."""
        if self.kind == "MANUAL":
            return None
        return AlgorithmIdentificationSequence(
            name=self.name, family=codes.DCM.ArtificialIntelligence, version=self.version, source=MANUFACTURER
        )
