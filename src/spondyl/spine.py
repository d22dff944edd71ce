"""The result everything else consumes: :class:`Vertebra` and :class:`Spine`.

Predictions and hand-made annotations are the same thing, so evaluation compares two spines,
and every writer takes one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from spondyl.anatomy import NAMES, ORDER, RANK, Region, label_of, name_of, region_of
from spondyl.errors import AnnotationError
from spondyl.flag import Flag
from spondyl.volume import Volume

if TYPE_CHECKING:
    from spondyl.morphometry import Morphometry

__all__ = ["Flag", "Numbering", "Spine", "Vertebra"]


@dataclass(frozen=True)
class Vertebra:
    """One vertebra.

    Attributes:
        label: VerSe number, see :mod:`spondyl.anatomy`.
        centroid_mm: Centre of the vertebral body, RAS+ mm (C1: midway between the front of the
            anterior arch and the back of the dens).
        probability: How likely the label is right, 0-1; ``None`` for annotations and for models
            that give none.
        flags: Remarks about this vertebra.
    """

    label: int
    centroid_mm: tuple[float, float, float]
    probability: float | None = None
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        name_of(self.label)
        x, y, z = (float(value) for value in self.centroid_mm)
        if not np.isfinite((x, y, z)).all():
            raise AnnotationError(f"the centroid of {self.name} is not finite: {(x, y, z)}")
        object.__setattr__(self, "label", int(self.label))
        object.__setattr__(self, "centroid_mm", (x, y, z))

    @property
    def name(self) -> str:
        """Name such as ``"T12"``."""
        return NAMES[self.label]

    @property
    def region(self) -> Region:
        """Region of the spine."""
        return region_of(self.label)


@dataclass(frozen=True)
class Numbering:
    """Another way to number the vertebrae.

    Attributes:
        labels: VerSe numbers, in the order of the spine's vertebrae; 0 where there is none by this numbering.
        probability: How likely this numbering is, 0-1.
        description: In words, e.g. ``"one level lower"``.
    """

    labels: tuple[int, ...]
    probability: float
    description: str


@dataclass(frozen=True, eq=False)
class Spine:
    """The vertebrae of one scan, from head to foot.

    Attributes:
        vertebrae: Sorted by :data:`spondyl.anatomy.ORDER`; every label at most once.
        mask: VerSe numbers on the scan's own grid (uint8, 0 = background), or ``None``.
        numbering_probability: How likely the whole numbering is right, 0-1.
        alternatives: Other numberings, most likely first.
        flags: Remarks about the scan.
        provenance: What made it: model, program version, timings (JSON values only).
        measurements: Of its vertebrae and discs, if they were measured.

    Raises:
        AnnotationError: a label occurs twice.
    """

    vertebrae: tuple[Vertebra, ...] = ()
    mask: Volume | None = None
    numbering_probability: float | None = None
    alternatives: tuple[Numbering, ...] = ()
    flags: tuple[Flag, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    measurements: "Morphometry | None" = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.vertebrae, key=lambda v: RANK[v.label]))
        labels = [v.label for v in ordered]
        twice = sorted({name_of(label) for label in labels if labels.count(label) > 1})
        if twice:
            raise AnnotationError(f"{', '.join(twice)} annotated more than once in one scan")
        object.__setattr__(self, "vertebrae", ordered)

    @classmethod
    def from_centroids(cls, centroids_mm: Mapping[int, Iterable[float]], mask: Volume | None = None) -> Self:
        """A spine from ``{VerSe number: (x, y, z) in RAS+ mm}``."""
        vertebrae = []
        for label, point in centroids_mm.items():
            x, y, z = point
            vertebrae.append(Vertebra(label, (x, y, z)))
        return cls(tuple(vertebrae), mask)

    def __len__(self) -> int:
        return len(self.vertebrae)

    def __iter__(self) -> Iterator[Vertebra]:
        return iter(self.vertebrae)

    def __contains__(self, key: int | str) -> bool:
        label = label_of(key) if isinstance(key, str) else key
        return any(v.label == label for v in self.vertebrae)

    def __getitem__(self, key: int | str) -> Vertebra:
        """The vertebra with a VerSe number or a name.

        Raises:
            KeyError: it is not in this spine.
        """
        label = label_of(key) if isinstance(key, str) else key
        for vertebra in self.vertebrae:
            if vertebra.label == label:
                return vertebra
        raise KeyError(f"{key} is not in this spine ({', '.join(self.names) or 'empty'})")

    @property
    def labels(self) -> tuple[int, ...]:
        """VerSe numbers, head to foot."""
        return tuple(v.label for v in self.vertebrae)

    @property
    def names(self) -> tuple[str, ...]:
        """Names, head to foot."""
        return tuple(v.name for v in self.vertebrae)

    @property
    def centroids_mm(self) -> npt.NDArray[np.float64]:
        """``(n, 3)`` RAS+ mm, head to foot."""
        return np.array([v.centroid_mm for v in self.vertebrae], dtype=float).reshape(-1, 3)

    def relabelled(self, new_labels: Mapping[int, int]) -> Self:
        """The same vertebrae under other labels.

        Mask and measurements follow; probabilities of the numbering are dropped.

        Args:
            new_labels: VerSe number now -> VerSe number wanted; others stay.

        Raises:
            AnnotationError: two vertebrae would carry one label, or a label does not exist.
        """
        table = np.arange(256, dtype=np.uint8)
        for old, new in new_labels.items():
            table[old] = label_of(name_of(new))
        moved = tuple(replace(v, label=new_labels.get(v.label, v.label)) for v in self.vertebrae)
        mask = self.mask and Volume(table[self.mask.data], self.mask.grid)
        measurements = self.measurements and self.measurements.relabelled(new_labels)
        return replace(
            self,
            vertebrae=moved,
            mask=mask,
            alternatives=(),
            numbering_probability=None,
            measurements=measurements,
        )

    def shifted(self, by: int) -> Self:
        """Every vertebra renamed ``by`` levels towards the feet (negative: towards the head).

        T13 and L6 are skipped unless the spine holds them.

        Raises:
            AnnotationError: a vertebra would leave C1..S2.
        """
        ladder = [x for x in ORDER if NAMES[x] not in ("T13", "L6") or x in self.labels]
        new_labels = {}
        for label in self.labels:
            place = ladder.index(label) + by
            if not 0 <= place < len(ladder):
                raise AnnotationError(f"cannot shift by {by}: {name_of(label)} would leave C1..S2")
            new_labels[label] = ladder[place]
        return self.relabelled(new_labels)
