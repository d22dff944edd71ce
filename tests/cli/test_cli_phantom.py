"""``spondyl phantom``."""

import pytest

from spondyl.cli._app import app
from spondyl.datasets import find_cases
from spondyl.errors import InputError


def test_writes_cases_that_a_data_set_finds(tmp_path, capsys):
    words = f"phantom {tmp_path} -n 2 --seed 3 --levels L1 L2 --spacing-mm 3 3 3 --contrast"
    app(words, result_action="return_value")
    assert "2 phantoms" in capsys.readouterr().out
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["phantom_3_0001", "phantom_3_0002"]
    volume, spine = cases[0].load()
    assert spine.names == ("L1", "L2")
    assert spine.mask is not None
    assert spine.mask.grid.is_close(volume.grid)


def test_help_explains_every_option(capsys):
    app("phantom --help", result_action="return_value")
    text = capsys.readouterr().out
    for option in ("--scoliosis-deg", "--fractures", "--metal", "--anomaly", "--hard", "--table"):
        assert option in text


def test_bad_options_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="scoliosis_deg"):
        app(f"phantom {tmp_path / 'out'} --scoliosis-deg 99", result_action="return_value")
    assert not (tmp_path / "out").exists()
