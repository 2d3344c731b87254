"""Pictures of figures, as SVG without scripts or anything loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Pictures:
    """Implements `actions.ports.Pictures`. The library is imported with the first picture: few processes draw one."""

    def lines(self, title: str, labels: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> bytes:
        import pygal
        from pygal.style import CleanStyle

        chart = pygal.Line(
            title=title,
            style=CleanStyle,
            width=900,
            height=420,
            include_x_axis=True,
            legend_at_bottom=True,
            show_minor_x_labels=False,
            x_labels_major_count=10,
            js=[],
            value_formatter=lambda value: f"{value:,.0f}",
        )
        chart.x_labels = list(labels)
        for name, values in series.items():
            chart.add(name, list(values))
        drawn: bytes = chart.render()
        return drawn
