"""Quality flags: what a reader should know before trusting a result.

Every result passes through :func:`checked` once. A check is a small function that yields findings;
the pipelines add what only they know, such as how sure the numbering is.
"""

from spondyl.quality.checks import checked, checked_names
from spondyl.quality.codes import CODES, Severity, severity_of, title_of
from spondyl.quality.finding import Finding

__all__ = ["CODES", "Finding", "Severity", "checked", "checked_names", "severity_of", "title_of"]
