"""Sizes of vertebrae by level, in mm of an average adult.

Bodies, canals, pedicles and processes after Panjabi et al. (Spine 1991: cervical, thoracic; 1992: lumbar),
rounded, and angles of processes after textbook anatomy. Between the levels given, values are interpolated.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from spondyl.anatomy import NAMES

__all__ = ["Sizes", "position_of", "sizes_of"]


@dataclass(frozen=True)
class Sizes:
    """One vertebra's measures, mm unless said otherwise.

    Attributes:
        width: Body, side to side.
        depth: Body, front to back.
        height: Body height as a share of the mean distance to both neighbours.
        canal_width: Spinal canal, side to side.
        canal_depth: Spinal canal, front to back.
        bite: How far the canal reaches into the body's back wall.
        pedicle_width: Side to side.
        pedicle_height: Up and down.
        pedicle_up: Height of the pedicle above the body's centre as a share of half the body height.
        spinous: Length of the spinous process behind the canal.
        spinous_drop: How far its tip lies below the lamina.
        spinous_tall: Half its height.
        spinous_thick: Half its thickness.
        transverse: Half the span of the transverse processes.
        transverse_back: How far their tips lie behind the body's back wall.
        transverse_up: How far their tips lie above the body's centre.
        transverse_thick: Radius at the tip.
        facet_side: Distance of the facet joints from the midline.
        facet_back: Distance of the facet joints behind the body's back wall.
        facet_tall: Radius of the articular processes.
        lumbar: 0 cervical or thoracic, 1 lumbar: which way the facets look.
    """

    width: float
    depth: float
    height: float
    canal_width: float
    canal_depth: float
    bite: float
    pedicle_width: float
    pedicle_height: float
    pedicle_up: float
    spinous: float
    spinous_drop: float
    spinous_tall: float
    spinous_thick: float
    transverse: float
    transverse_back: float
    transverse_up: float
    transverse_thick: float
    facet_side: float
    facet_back: float
    facet_tall: float
    lumbar: float

    @property
    def canal_front(self) -> float:
        """Position of the canal's front wall, from the body's centre."""
        return self.bite - self.depth / 2

    @property
    def canal_back(self) -> float:
        """Position of the canal's back wall, from the body's centre."""
        return self.canal_front - self.canal_depth


# Place in the spine: C1 = 1 ... C7 = 7, T1 = 8 ... T12 = 19, L1 = 20 ... L5 = 24, S1 = 25.
_TABLE: Final[dict[str, dict[float, float]]] = {
    "width": {
        2: 17,
        3: 17,
        6: 19.5,
        7: 23,
        8: 26,
        11: 25,
        14: 28.5,
        17: 33,
        18: 36,
        19: 39,
        20: 41,
        24: 49,
        25: 50,
    },
    "depth": {2: 15, 3: 15.5, 6: 16.5, 7: 17, 8: 18, 10: 22, 14: 29, 17: 32, 20: 33.5, 24: 35, 25: 33},
    "height": {
        2: 0.75,
        3: 0.74,
        7: 0.78,
        8: 0.82,
        11: 0.86,
        14: 0.89,
        19: 0.87,
        20: 0.85,
        24: 0.81,
        25: 0.88,
    },
    "canal_width": {1: 28, 3: 24, 6: 26, 8: 21, 10: 17, 17: 18, 19: 22, 20: 23.5, 24: 27, 25: 30},
    "canal_depth": {1: 18, 3: 14.5, 7: 14.5, 14: 15.5, 19: 17, 24: 18, 25: 16},
    "bite": {2: 0.2, 7: 0.5, 9: 1.5, 14: 2.4, 19: 2.6, 24: 2.2},
    "pedicle_width": {
        2: 6.5,
        3: 5.5,
        7: 6.5,
        8: 8,
        11: 5,
        14: 5.6,
        17: 7.2,
        19: 8.5,
        20: 8.5,
        22: 10.5,
        24: 16,
    },
    "pedicle_height": {2: 8, 3: 7, 7: 7.5, 8: 10, 14: 12, 19: 16, 20: 15.5, 24: 15},
    "pedicle_up": {3: 0.1, 8: 0.4, 14: 0.42, 19: 0.38, 24: 0.28},
    "spinous": {
        2: 18,
        3: 14,
        5: 15,
        6: 20,
        7: 30,
        8: 31,
        11: 28,
        14: 24,
        16: 24,
        18: 25,
        20: 28,
        22: 31,
        24: 24,
    },
    "spinous_drop": {2: 5, 3: 7, 6: 9, 7: 11, 8: 15, 10: 26, 14: 37, 16: 31, 18: 17, 19: 12, 20: 9, 24: 7},
    "spinous_tall": {2: 6.5, 3: 4, 6: 4.4, 7: 6, 8: 7, 14: 6.5, 17: 8.5, 19: 10.5, 20: 12.5, 23: 12.5, 24: 9},
    "spinous_thick": {2: 3.8, 3: 2.6, 7: 3.3, 14: 3.1, 19: 3.6, 24: 4.2},
    "transverse": {
        2: 26,
        3: 26,
        6: 27,
        7: 33,
        8: 37,
        9: 34,
        12: 31,
        17: 29,
        18: 26,
        19: 23,
        20: 36,
        22: 44,
        24: 45,
    },
    "transverse_back": {2: -2, 3: -4, 6: -4, 7: 2, 8: 14, 12: 21, 17: 21, 19: 14, 20: 8, 24: 4},
    "transverse_up": {3: -1, 7: 1, 8: 5, 14: 7, 19: 3, 20: 3, 24: 1},
    "transverse_thick": {3: 3, 7: 3.8, 8: 4.4, 12: 4.8, 17: 4.4, 19: 3.2, 20: 2.9, 24: 4.4},
    "facet_side": {2: 20, 3: 20, 6: 20, 7: 18, 8: 15.5, 12: 12.5, 17: 13, 19: 13.5, 20: 14.5, 24: 20},
    "facet_back": {2: 5, 3: 5, 6: 6, 7: 10, 8: 13, 14: 15, 19: 14, 20: 15, 24: 16},
    "facet_tall": {2: 5.5, 3: 5.2, 6: 5.2, 8: 4.4, 14: 4.2, 18: 4.4, 20: 5.2, 24: 7},
    "lumbar": {3: 0, 18: 0, 19: 0.6, 20: 1, 24: 1},
}


def position_of(label: int) -> float:
    """Place of a VerSe number in the tables; T13 and L6 lie between their neighbours."""
    if NAMES[label] == "T13":
        return 19.5
    if NAMES[label] == "L6":
        return 24.3
    return float(label if label <= 24 else label - 1)


def sizes_of(label: int, scale: float, rng: np.random.Generator) -> Sizes:
    """Measures of one vertebra of one patient: the table, the patient's size, and some chance."""
    place = position_of(label)
    values = {}
    for field in fields(Sizes):
        points = _TABLE[field.name]
        value = float(np.interp(place, list(points), list(points.values())))
        spread = 0.1 if field.name.startswith(("spinous", "transverse")) else 0.035
        if field.name not in ("height", "lumbar", "pedicle_up"):
            value *= scale * float(np.clip(1 + spread * rng.standard_normal(), 0.75, 1.3))
        values[field.name] = value
    return Sizes(**values)
