"""Measurements of vertebrae, discs and curves, each with its uncertainty or the reason why it is refused."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.morphometry.assemble import measure
    from spondyl.morphometry.result import Curve, DiscMeasures, Measurement, Morphometry, VertebraMeasures

_HOMES = {
    "Curve": "result",
    "DiscMeasures": "result",
    "Measurement": "result",
    "Morphometry": "result",
    "VertebraMeasures": "result",
    "measure": "assemble",
}

__all__ = ["Curve", "DiscMeasures", "Measurement", "Morphometry", "VertebraMeasures", "measure"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.morphometry' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.morphometry.{_HOMES[name]}"), name)
