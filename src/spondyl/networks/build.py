"""Networks from their description in ``model.json``."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from torch import nn

from spondyl.errors import ModelError

__all__ = ["build_network"]

_HOMES: Final = {
    "DetectionUNet": "spondyl.networks.detection",
    "IdentificationUNet": "spondyl.networks.identification",
    "SpineUNet": "spondyl.networks.spine_unet",
}
"""Network class to its module; a model folder can name no other code."""


def build_network(architecture: Mapping[str, Any]) -> nn.Module:
    """The untrained network that an architecture describes.

    Args:
        architecture: ``name`` of the class, and its arguments.

    Raises:
        ModelError: no such network, or arguments it does not take.
    """
    arguments = dict(architecture)
    name = arguments.pop("name", None)
    if name not in _HOMES:
        raise ModelError(f"network {name!r} is unknown; this program has {', '.join(_HOMES)}")
    try:
        network: nn.Module = getattr(import_module(_HOMES[name]), name)(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:  # torch refuses a negative width with the last
        raise ModelError(f"network {name} cannot be built from {arguments}: {error}") from error
    return network
