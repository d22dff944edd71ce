"""The networks: sizes of the reference, Keras' conventions, and ONNX that says the same."""

import numpy as np
import pytest
import torch

from spondyl.errors import ModelError
from spondyl.networks.build import build_network
from spondyl.networks.detection import DetectionUNet
from spondyl.networks.export import export_onnx, load_weights, save_weights, verify_onnx
from spondyl.networks.identification import IdentificationUNet
from spondyl.networks.unet import SameConvolution


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
    torch.set_num_threads(1)


def _count(network):
    return sum(p.numel() for p in network.parameters())


def test_widths_and_kernels_add_up_to_the_reference():
    assert round(_count(IdentificationUNet()) / 1e6, 1) == 43.6
    floor = IdentificationUNet().body.floor
    kernels = [m.convolution for m in floor if isinstance(m, SameConvolution)]
    assert [k.kernel_size for k in kernels] == [(5, 20), (5, 20)]
    assert round(sum(k.weight.numel() for k in kernels) / 1e6) == 39
    assert [level[0].convolution.out_channels for level in DetectionUNet().body.down] == [16, 32, 64, 128]


def test_detection_gives_probabilities():
    y = DetectionUNet(2)(torch.randn(1, 1, 16, 32, 48))
    assert y.shape == (1, 2, 16, 32, 48)
    torch.testing.assert_close(y.sum(1), torch.ones(1, 16, 32, 48))


def test_identification_gives_numbers_of_zero_and_above():
    y = IdentificationUNet(2)(torch.randn(2, 8, 16, 336))
    assert y.shape == (2, 1, 16, 336)
    assert y.min() >= 0


def test_batch_norm_keeps_a_tenth_of_the_old_statistics_as_keras_does():
    norm = DetectionUNet(2).body.down[0][1]
    norm.train()
    x = torch.randn(4, 2, 6, 6, 6) + 5
    norm(x)
    torch.testing.assert_close(norm.running_mean, 0.9 * x.mean((0, 2, 3, 4)))


def test_even_kernels_pad_as_keras_does():
    convolution = SameConvolution(1, 1, (1, 4))
    torch.nn.init.ones_(convolution.convolution.weight)
    torch.nn.init.zeros_(convolution.convolution.bias)
    x = torch.zeros(1, 1, 1, 6)
    x[..., 2] = 1
    # Keras pads 1 in front and 2 behind: output i sums x[i-1 .. i+2].
    assert convolution(x).flatten().tolist() == [1, 1, 1, 1, 0, 0]


def test_the_missing_activation():
    with_it = IdentificationUNet(2, missing_activation=False).body.down
    without = IdentificationUNet(2, missing_activation=True).body.down
    assert [len(level) for level in with_it] == [6, 6, 6, 6]
    assert [len(level) for level in without] == [6, 6, 6, 5]


def test_weights_start_as_in_keras():
    convolution = DetectionUNet(4).body.down[1][0].convolution
    limit = (6 / ((4 + 8) * 27)) ** 0.5
    assert 0.9 * limit < convolution.weight.abs().max() <= limit
    assert not convolution.bias.any()


@pytest.mark.parametrize(
    ("network", "shape", "other"),
    [
        (DetectionUNet(2), (1, 1, 16, 32, 16), (3, 1, 32, 16, 48)),
        (IdentificationUNet(2), (1, 8, 32, 64), (3, 8, 80, 336)),
    ],
    ids=["detection", "identification"],
)
def test_onnx_agrees_with_torch_at_any_shape(tmp_path, network, shape, other):
    network.train()
    network(torch.randn(4, *shape[1:]))  # so that the running statistics are not 0 and 1
    export_onnx(network, tmp_path / "n.onnx", shape)
    assert verify_onnx(network, tmp_path / "n.onnx", other) < 1e-4
    with torch.no_grad():
        network.head.convolution.bias += 1
        network.head.convolution.weight *= 2
    with pytest.raises(ModelError, match="differs from torch"):
        verify_onnx(network, tmp_path / "n.onnx", other)


def test_weights_round_trip_and_refuse_another_architecture(tmp_path):
    network = DetectionUNet(2)
    save_weights(network, tmp_path / "w.safetensors")
    other = DetectionUNet(2)
    load_weights(other, tmp_path / "w.safetensors")
    x = torch.from_numpy(np.ones((1, 1, 16, 16, 16), np.float32))
    assert torch.equal(network.eval()(x), other.eval()(x))
    with pytest.raises(ModelError, match="do not fit DetectionUNet"):
        load_weights(DetectionUNet(4), tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="do not fit"):
        load_weights(other, tmp_path / "w.safetensors")


def test_an_onnx_file_says_nothing_about_the_machine_that_wrote_it(tmp_path):
    from pathlib import Path

    import spondyl

    export_onnx(DetectionUNet(2), tmp_path / "n.onnx", (1, 1, 16, 32, 16))
    written = (tmp_path / "n.onnx").read_bytes()
    folders = (Path(spondyl.__file__).parent, Path(torch.__file__).parent)
    assert not [folder for folder in folders if str(folder).encode() in written]


@pytest.mark.parametrize("widths", [[4, 8], [4, -8, 8], ["a", "b", "c"], 4])
def test_a_description_that_makes_no_network_is_refused(widths):
    with pytest.raises(ModelError, match="SpineUNet"):
        build_network({"name": "SpineUNet", "widths": widths})


def test_weights_that_are_no_numbers_do_not_pass(tmp_path):
    network = IdentificationUNet(2)
    with torch.no_grad():
        network.head.convolution.weight.fill_(float("nan"))
    export_onnx(network, tmp_path / "n.onnx", (1, 8, 32, 64))
    with pytest.raises(ModelError, match="differs from torch by nan"):
        verify_onnx(network, tmp_path / "n.onnx", (1, 8, 32, 64))
