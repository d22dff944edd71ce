"""A tiny model folder whose networks are exact: they read the label off the image."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from spondyl.models import ModelInfo, StageInfo, write_model
from spondyl.recipes.spinefinder import SpinefinderRecipe


def convolution(path, weights, bias):
    """An ONNX file with one convolution, spatial axes and batch free."""
    weights, bias = np.asarray(weights, np.float32), np.asarray(bias, np.float32)
    spatial = [f"d{axis}" for axis in range(weights.ndim - 2)]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[0] * 2 * len(spatial))],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weights.shape[1], *spatial])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weights.shape[0], *spatial])],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, path)
    return path


def reader_recipe():
    """Intensities stay HU; small boxes count as vertebrae."""
    return SpinefinderRecipe.model_validate(
        {
            "working": {"normalise": "fixed", "mean_hu": 0.0, "std_hu": 1.0},
            "aggregation": {"min_voxels": 500, "size_share": 0},
        }
    )


@pytest.fixture(scope="session")
def reader_model(tmp_path_factory):
    """Folder of a model: background = 0.5, vertebra = intensity; identification = middle slice."""
    folder = tmp_path_factory.mktemp("reader")
    detection = convolution(folder / "d.onnx", np.reshape([0.0, 1.0], (2, 1, 1, 1, 1)), [0.5, 0.0])
    slab = np.zeros((1, 8, 1, 1))
    slab[0, 4] = 1
    identification = convolution(folder / "i.onnx", slab, [0.0])
    recipe = reader_recipe()
    (folder / "w").write_bytes(b"no weights")
    stages = {
        name: StageInfo(architecture={"name": "Reader"}, weights=f"{name}.safetensors", onnx=f"{name}.onnx")
        for name in ("detection", "identification")
    }
    info = ModelInfo(
        recipe=recipe.model_dump(mode="json"), stages=stages, labels=recipe.labels, spacing_mm=(1, 1, 1)
    )
    files = {
        "detection.onnx": detection,
        "identification.onnx": identification,
        "detection.safetensors": folder / "w",
        "identification.safetensors": folder / "w",
    }
    return write_model(folder / "model", info, files).folder
