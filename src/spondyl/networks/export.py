"""A trained network as files: safetensors for torch, ONNX for OpenVINO and ONNX Runtime."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spondyl.errors import ModelError

__all__ = ["OPSET", "export_onnx", "load_weights", "save_weights", "verify_onnx"]

_log = logging.getLogger(__name__)

OPSET: Final = 18
"""Version of the ONNX operators; read by every engine we support."""


def export_onnx(network: nn.Module, path: Path | str, shape: Sequence[int]) -> None:
    """Write a network as ONNX with input ``x`` and output ``y``, batch and spatial axes free.

    Args:
        network: Takes and gives ``(n, channels, *spatial)``. Put into evaluation mode and left so.
        path: The file.
        shape: An example of the input shape ``(n, channels, *spatial)``.
    """
    network = network.eval().cpu().float()
    example = torch.zeros(tuple(shape))
    # A free axis must not be 1 in the example, or the exporter takes it for a constant.
    example = example.expand(2, *example.shape[1:]) if example.shape[0] == 1 else example
    free = {0: torch.export.Dim.DYNAMIC} | dict.fromkeys(range(2, example.ndim), torch.export.Dim.DYNAMIC)
    program = torch.onnx.export(
        network,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["x"],
        output_names=["y"],
        dynamic_shapes=(free,),
        external_data=False,
        verbose=False,
    )
    if program is None:  # only without dynamo, says its documentation
        raise ModelError(f"{path}: the ONNX exporter gave nothing")
    program.save(str(path), external_data=False)


def verify_onnx(network: nn.Module, path: Path | str, shape: Sequence[int], atol: float = 1e-3) -> float:
    """Compare an ONNX file with the network it came from, on noise of a given shape.

    Args:
        network: The original, in evaluation mode.
        path: The ONNX file.
        shape: ``(n, channels, *spatial)``; best another one than that of the export.
        atol: Largest difference allowed, relative to the largest output where that is above 1.

    Returns:
        The largest absolute difference.

    Raises:
        ModelError: the outputs differ by more.
        MissingDependencyError: ONNX Runtime is not installed.
    """
    import onnxruntime

    x = np.random.default_rng(0).normal(size=tuple(shape)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"x": x})[0]
    difference = float(np.abs(found - expected).max())
    if difference > atol * max(1.0, float(np.abs(expected).max())):
        raise ModelError(f"{path}: ONNX output differs from torch by {difference:g}")
    _log.info("%s: ONNX agrees with torch within %g", path, difference)
    return difference


def save_weights(network: nn.Module, path: Path | str) -> None:
    """Write the weights as safetensors."""
    save_file({name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}, path)


def load_weights(network: nn.Module, path: Path | str) -> None:
    """Fill a network with weights from a safetensors file.

    Raises:
        ModelError: the file is unreadable, or belongs to another architecture.
    """
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch raise plain Exception and RuntimeError
        raise ModelError(f"{path}: the weights do not fit {type(network).__name__}: {error}") from error
