"""The maps and responses as one PNG."""

from pathlib import Path

import numpy as np

from medrobot_ros.force_bench.maps import Cell, Map
from medrobot_ros.force_bench.response import TONES_HZ
from medrobot_ros.signals import Array

LIMIT_N = 0.2  # top of the colour scale


def draw(maps: list[tuple[Map, list[list[list[Cell]]]]], responses: dict[str, Array], path: Path) -> None:
    """A row a map with a panel a law, errors after two breaths in colour and margins as numbers; responses below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    laws = [cell.law for cell in maps[0][1][0][0]]
    figure = Figure(figsize=(4.2 * len(laws), 2.9 * len(maps) + 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(maps) + 1, len(laws))
    for row, (place, cells) in enumerate(maps):
        for column, law in enumerate(laws):
            _panel(figure.add_subplot(grid[row, column]), place, [[c[column] for c in line] for line in cells], law)
    axes = figure.add_subplot(grid[len(maps), :])
    for name, size in responses.items():
        axes.semilogx(TONES_HZ, 20.0 * np.log10(size), marker=".", label=name)
    axes.axhline(-3.0, color="grey", linewidth=0.8)
    axes.set(xlabel="frequency [Hz]", ylabel="force over reference [dB]", ylim=(-25, 8), title="closed loop")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=110)


def _panel(axes: object, place: Map, cells: list[list[Cell]], law: str) -> None:
    errors = np.array([[c.after_n for c in line] for line in cells])
    axes.imshow(errors, vmin=0.0, vmax=LIMIT_N, cmap="viridis_r", aspect="auto")  # type: ignore[attr-defined]
    for y, line in enumerate(cells):
        for x, c in enumerate(line):
            text = f"{c.after_n:.2f} N\nmargin {c.margin:.1f}"
            colour = "white" if c.after_n > 0.6 * LIMIT_N else "black"
            axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)  # type: ignore[attr-defined]
    axes.set_xticks(range(len(place.columns)), place.columns)  # type: ignore[attr-defined]
    axes.set_yticks(range(len(place.rows)), place.rows)  # type: ignore[attr-defined]
    axes.set_title(f"{law}\n{place.title}", fontsize=8)  # type: ignore[attr-defined]
