"""Tables of ``spondyl evaluate`` as a terminal shows them."""

import io

import numpy as np
from rich.console import Console

from spondyl.cli._evaluation_tables import parts_table
from spondyl.evaluation import evaluate
from spondyl.spine import Spine
from spondyl.volume import Grid, Volume


def test_a_terminal_of_80_columns_holds_every_number():
    grid = Grid.from_spacing((30, 30, 80), (1, 1, 1))
    labels = {7: 60, 8: 40, 9: 20}
    data = np.zeros(grid.shape, np.uint8)
    for label, z in labels.items():
        data[8:22, 8:22, z - 6 : z + 6] = label
    spine = Spine.from_centroids({label: (15, 15, z) for label, z in labels.items()}, Volume(data, grid))
    result = evaluate([("a", spine, spine)], resamples=0)
    for parts in (result.regions, result.levels):
        text = io.StringIO()
        Console(file=text, width=80, markup=False, highlight=False).print(parts_table(result, "parts", parts))
        rows = [line for line in text.getvalue().splitlines() if line.startswith("│")]
        assert len(rows) == len(parts)
        assert all(len(row) <= 80 and row.endswith("0.00│") for row in rows)
        assert all(row.count("│") == 11 for row in rows)
