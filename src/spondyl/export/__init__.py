"""Results as files: for other programs (Slicer, VerSe, TotalSegmentator, mesh viewers) and for people.

:data:`FORMATS` names them; each is a function of a :class:`Subject`, the scan and what was found in it.
"""

from spondyl.export.formats import FORMATS, Format, check_formats, chosen_formats
from spondyl.export.subject import Subject

__all__ = ["FORMATS", "Format", "Subject", "check_formats", "chosen_formats"]
