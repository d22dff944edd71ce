"""Reading and writing: images, centroids and masks; world coordinates inside are RAS+ mm.

Names below are imported when first used, so that ``import spondyl.io`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.io.centroids import read_centroids, write_centroids
    from spondyl.io.images import read_image, write_image
    from spondyl.io.masks import read_mask, write_mask

_HOMES = {
    "read_centroids": "centroids",
    "read_image": "images",
    "read_mask": "masks",
    "write_centroids": "centroids",
    "write_image": "images",
    "write_mask": "masks",
}

__all__ = [
    "read_centroids",
    "read_image",
    "read_mask",
    "write_centroids",
    "write_image",
    "write_mask",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl.io' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.io.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
