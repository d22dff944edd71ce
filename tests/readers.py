"""A tiny exact model and its toy scans: networks that read the label off the image."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from spondyl.models import ModelInfo, StageInfo, write_model
from spondyl.recipes.spinefinder import SpinefinderRecipe
from spondyl.volume import Grid, Volume

CENTRES = {"L1": (30.5, 20.0, 60.0), "L2": (32.5, 22.0, 40.0), "S1": (31.5, 14.0, 14.0)}
NUMBERS = {"L1": 20, "L2": 21, "S1": 25}  # the reference's network targets


def toy_scan(spacing=(1.0, 1.0, 1.0), shape=(64, 41, 75), origin=(0.0, 0.0, 0.0), *, hounsfield=False):
    """RAS; each vertebra a box of 22 x 13 x 13 mm.

    Its value is its network target in a background of 0; in ``hounsfield``, 40 times that in air.
    """
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    grid = Grid(tuple(round(n / s) for n, s in zip(shape, spacing, strict=True)), affine)
    at = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    world = grid.to_world(at)
    data = np.zeros(grid.shape, np.int16)
    for name, centre in CENTRES.items():
        inside = (np.abs(world - np.array(centre)) <= (11, 6.5, 6.5)).all(axis=-1)
        data[inside] = NUMBERS[name]
    return Volume(np.where(data > 0, 40 * data, -1000).astype(np.int16) if hounsfield else data, grid)


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
    """40 HU are one network target; small boxes count as vertebrae."""
    return SpinefinderRecipe.model_validate(
        {
            "working": {"normalise": "fixed", "mean_hu": 0.0, "std_hu": 40.0},
            "aggregation": {"min_voxels": 500, "size_share": 0},
        }
    )


def write_reader_model(folder: Path) -> Path:
    """Folder of a model: background = 0.5, vertebra = intensity; identification = middle slice."""
    detection = convolution(folder / "d.onnx", np.reshape([0.0, 1.0], (2, 1, 1, 1, 1)), [0.5, 0.0])
    slab = np.zeros((1, 8, 1, 1))
    slab[0, 4] = 1
    identification = convolution(folder / "i.onnx", slab, [0.0])
    recipe = reader_recipe()
    files = {"detection.onnx": detection, "identification.onnx": identification}
    return _write(folder / "model", recipe, files)


def split(model: Path, folder: Path) -> tuple[Path, Path]:
    """The two stages of a model as two folders."""
    recipe = reader_recipe()
    return (
        _write(folder / "detection", recipe, {"detection.onnx": model / "detection.onnx"}),
        _write(folder / "identification", recipe, {"identification.onnx": model / "identification.onnx"}),
    )


def _write(folder, recipe, files):
    weights = folder.with_suffix(".weights")
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"no weights")
    names = [name.removesuffix(".onnx") for name in files]
    info = ModelInfo(
        recipe=recipe.model_dump(mode="json"),
        stages={
            name: StageInfo(
                architecture={"name": "Reader"}, weights=f"{name}.safetensors", onnx=f"{name}.onnx"
            )
            for name in names
        },
        labels=recipe.labels,
        spacing_mm=(1, 1, 1),
    )
    return write_model(folder, info, files | {f"{name}.safetensors": weights for name in names}).folder
