"""A trained network as files: safetensors for torch, ONNX for OpenVINO and ONNX Runtime."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spondyl.errors import ModelError

__all__ = ["OPSET", "export_onnx", "load_weights", "save_weights", "verify_onnx"]

_log = logging.getLogger(__name__)

_SMALL: Final = 256  # numbers; smaller constants are not worth a cast
OPSET: Final = 18
"""Version of the ONNX operators; read by every engine we support."""


def export_onnx(
    network: nn.Module,
    path: Path | str,
    shape: Sequence[int],
    outputs: Sequence[str] = ("y",),
    *,
    half: bool = False,
) -> None:
    """Write a network as ONNX with input ``x``, batch and spatial axes free.

    Args:
        network: Takes and gives ``(n, channels, *spatial)``. Put into evaluation mode and left so.
        path: The file.
        shape: An example of the input shape ``(n, channels, *spatial)``.
        outputs: Names of the outputs.
        half: Store the weights in half precision, to be widened on loading. Loses nothing where they were
            rounded to it before.
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
        output_names=list(outputs),
        dynamic_shapes=(free,),
        external_data=False,
        verbose=False,
    )
    if program is None:  # only without dynamo, says its documentation
        raise ModelError(f"{path}: the ONNX exporter gave nothing")
    proto = program.model_proto
    _forget_origin(proto)
    if half:
        _store_half(proto)
    Path(path).write_bytes(proto.SerializeToString())


def _store_half(proto: Any) -> None:
    """Replace every large float32 constant by a float16 one and a cast."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in proto.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _SMALL:
            continue
        name = tensor.name
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        )
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _forget_origin(proto: Any) -> None:
    """Remove the traces of the exporting machine: each node names source files and their folders."""
    for part in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    for part in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


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
    """
    x = np.random.default_rng(0).normal(size=tuple(shape)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x))
    expected = expected if isinstance(expected, tuple) else (expected,)
    largest = 0.0
    for wanted, found in zip(expected, _run_onnx(path, x), strict=True):
        difference = float(np.abs(found - wanted.numpy()).max())
        if not difference <= atol * max(1.0, float(wanted.abs().max())):  # catches NaN, too
            raise ModelError(f"{path}: ONNX output differs from torch by {difference:g}")
        largest = max(largest, difference)
    _log.info("%s: ONNX agrees with torch within %g", path, largest)
    return largest


def _run_onnx(path: Path | str, x: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """The outputs of an ONNX file by whichever engine is installed."""
    try:
        import onnxruntime
    except ImportError:
        from spondyl.inference.engines.openvino import core

        compiled = core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return [np.asarray(output) for output in compiled(x).to_tuple()]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [np.asarray(output) for output in session.run(None, {"x": x})]


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
