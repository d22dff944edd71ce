"""Synthetic spine CTs whose truth is known to the voxel.

A spine is drawn from the statistics of real ones (``plan``), every structure is a signed distance
evaluated only where it is (``canvas``, ``shapes``), and a simple scanner adds blur, slices and noise.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.phantom.make import Phantom, make_phantom
    from spondyl.phantom.options import PhantomOptions
    from spondyl.phantom.write import write_phantoms

_HOMES = {"Phantom": "make", "PhantomOptions": "options", "make_phantom": "make", "write_phantoms": "write"}

__all__ = ["Phantom", "PhantomOptions", "make_phantom", "write_phantoms"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.phantom' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.phantom.{_HOMES[name]}"), name)
