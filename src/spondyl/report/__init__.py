"""Pictures of scans and of results. Needs matplotlib, which is imported only when a picture is made."""

from spondyl.report.preview import preview

__all__ = ["preview"]
