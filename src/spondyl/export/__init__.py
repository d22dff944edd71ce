"""Spines in the formats of other programs: Slicer, VerSe, TotalSegmentator, mesh viewers.

:data:`FORMATS` names them; each is a function of a :class:`~spondyl.spine.Spine` and the grid of
its scan.
"""

from spondyl.export.formats import FORMATS, Format, check_formats, chosen_formats

__all__ = ["FORMATS", "Format", "check_formats", "chosen_formats"]
