"""Spondyl finds, names and segments every vertebra in a CT scan.

>>> import spondyl
>>> spine = spondyl.predict("scan.nii.gz")      # doctest: +SKIP
>>> spine["L1"].centroid_mm                     # doctest: +SKIP

Names below are imported when first used, so that ``import spondyl`` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spondyl.errors import SpondylError
    from spondyl.evaluation.evaluate import evaluate
    from spondyl.flag import Flag
    from spondyl.inference import load_pipeline, predict
    from spondyl.io import read_centroids, read_image, read_mask, write_centroids, write_mask
    from spondyl.spine import Numbering, Spine, Vertebra
    from spondyl.volume import Grid, Volume

__version__ = "0.1.0"

_HOMES = {
    "Flag": "flag",
    "Grid": "volume",
    "Numbering": "spine",
    "Spine": "spine",
    "SpondylError": "errors",
    "Vertebra": "spine",
    "Volume": "volume",
    "evaluate": "evaluation",
    "load_pipeline": "inference",
    "predict": "inference",
    "read_centroids": "io",
    "read_image": "io",
    "read_mask": "io",
    "write_centroids": "io",
    "write_mask": "io",
}

__all__ = [
    "Flag",
    "Grid",
    "Numbering",
    "Spine",
    "SpondylError",
    "Vertebra",
    "Volume",
    "__version__",
    "evaluate",
    "load_pipeline",
    "predict",
    "read_centroids",
    "read_image",
    "read_mask",
    "write_centroids",
    "write_mask",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'spondyl' has no attribute {name!r}")
    return getattr(import_module(f"spondyl.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
