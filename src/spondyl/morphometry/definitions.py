"""What every measurement means, for reports and for other programs; ``docs/measurements.md`` says more."""

from typing import Final, NamedTuple

__all__ = ["DEFINITIONS", "Definition"]

_GENANT: Final = "Genant et al., J Bone Miner Res 1993; 8: 1137"
_PICKHARDT: Final = "after Pickhardt et al., Ann Intern Med 2013; 158: 588"


class Definition(NamedTuple):
    """What a measurement means.

    Attributes:
        title: Short name.
        text: One sentence.
        source: Where it comes from; empty where it is plain geometry.
    """

    title: str
    text: str
    source: str = ""


DEFINITIONS: Final[dict[str, Definition]] = {
    "height_anterior": Definition(
        "anterior height",
        "Distance of the endplates at 92 % of the depth from the back wall, on the midline.",
    ),
    "height_middle": Definition("middle height", "The same at half of the depth."),
    "height_posterior": Definition("posterior height", "The same at 8 % of the depth."),
    "depth": Definition("depth", "From the front wall of the spinal canal to the front wall of the body."),
    "width": Definition("width", "From side to side of the body, in its front half."),
    "ratio_anterior_posterior": Definition("anterior / posterior", "Ratio of these heights."),
    "ratio_middle_posterior": Definition("middle / posterior", "Ratio of these heights."),
    "height_loss": Definition(
        "height loss",
        "Larger share of height lost in front or in the middle, against the patient's own neighbours.",
        _GENANT,
    ),
    "genant_grade": Definition(
        "Genant grade",
        "1 (mild) from 20 %, 2 (moderate) from 25 %, 3 (severe) from 40 % of height lost.",
        _GENANT,
    ),
    "trabecular_hu": Definition(
        "density",
        "Mean CT number of spongy bone in an elliptic disc in the front half of the body.",
        _PICKHARDT,
    ),
    "volume": Definition("volume", "The whole vertebra with arch and processes, as segmented."),
    "wedge": Definition(
        "disc wedge", "Angle between the endplates of a disc; positive where taller in front."
    ),
    "coronal_cobb": Definition(
        "largest coronal Cobb angle",
        "Between the endplates, C7 to L6, that lean most against each other.",
        "Cobb, Instr Course Lect 1948; 5: 261",
    ),
    "thoracic_kyphosis_t4_t12": Definition(
        "thoracic kyphosis T4-T12", "Upper endplate of T4 to lower endplate of T12, in the sagittal plane."
    ),
    "lumbar_lordosis_l1_s1": Definition(
        "lumbar lordosis L1-S1", "Upper endplates of L1 and S1, in the sagittal plane."
    ),
    "lumbar_lordosis_l1_l5": Definition(
        "lumbar lordosis L1-L5", "Upper endplate of L1 to lower endplate of L5, in the sagittal plane."
    ),
}
"""Name of a measurement to its meaning. The heights of a disc have the names of those of a body."""
