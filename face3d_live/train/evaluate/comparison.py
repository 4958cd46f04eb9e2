"""Several regressors in one table."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Table

from face3d_live.train.evaluate.report import Report, figure_rows, goal_rows
from face3d_live.train.evaluate.tables import markdown_table


def comparison_rows(reports: Mapping[str, Report]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of one table for several reports: of each the network's figure and the shipped one.

    What none of them measured is left out.
    """
    header = ["measure", *(f"{name}, {kind}" for name in reports for kind in ("network", "shipped"))]
    lines: dict[str, list[str]] = {}
    for place, report in enumerate(reports.values()):
        for row in (*goal_rows(report), *figure_rows(report)):
            cells = lines.setdefault(row.measure, [""] * (2 * len(reports)))
            cells[2 * place : 2 * place + 2] = row.network, row.fit
    return header, [[measure, *cells] for measure, cells in lines.items() if any(cells)]


def comparison_table(reports: Mapping[str, Report]) -> Table:
    """Several regressors side by side, for the terminal."""
    header, lines = comparison_rows(reports)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for i, title in enumerate(header):
        table.add_column(title, justify="left" if i == 0 else "right")
    for line in lines:
        table.add_row(*line)
    return table


def comparison_markdown(reports: Mapping[str, Report]) -> str:
    """The same as a document."""
    return f"# Comparison\n\n{markdown_table(*comparison_rows(reports))}"
