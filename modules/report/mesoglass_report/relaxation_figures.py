"""The figure of a time series: intensity correlation with its fit, map and histogram of the relaxation times."""

import html

import numpy

from . import style
from .figure import Figure

SECTION = "Relaxation in time"


def _with_error(value, error):
    return f"{value:.3g} ± {error:.2g}"


def _correlation(panel, item, palette):
    found, colour = item.relaxation, palette.colour(item.label)
    panel.errorbar(found.lag, found.g2 - 1.0, found.g2_error, linestyle="none", marker="o", markersize=2.6, linewidth=0.8,
                   color=colour)
    panel.plot(found.lag, found.g2_fit - 1.0, color="black", linewidth=1.1)
    panel.axhline(0.0, color="0.6", linewidth=0.7)
    panel.set_xscale("log")
    panel.set_xlabel(f"Lag t ({found.unit})")
    panel.set_ylabel(f"{palette.name(item.label)}\ng$_2$(t) \N{MINUS SIGN} 1", color=colour)


def _time_map(figure, panel, item):
    found = item.relaxation
    step = item.calibration["scan_step_nm"]
    height, width = found.time_map.shape
    low, high = style.finite_range([found.time_map], 2.0, 98.0)
    panel.set_facecolor("0.85")
    image = panel.imshow(found.time_map, vmin=low, vmax=high, cmap="viridis", origin="lower",
                         extent=[0, width * step, 0, height * step])
    style.map_axes(panel)
    panel.set_xlabel("x (nm)")
    panel.set_ylabel("y (nm)")
    figure.colorbar(image, ax=panel, label=f"τ ({found.unit})", shrink=0.9, extend="both")


def _histogram(panel, item, palette):
    found = item.relaxation
    times = found.time_map[numpy.isfinite(found.time_map) & (found.time_map > 0)]
    if times.size:
        edges = numpy.geomspace(times.min() * 0.999, times.max() * 1.001, 21)
        panel.hist(times, edges, color=palette.colour(item.label), alpha=0.85)
        panel.set_xscale("log")
        # Plain numbers, few enough not to overlap on less than a decade.
        panel.xaxis.set_major_locator(style.matplotlib.ticker.LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
        panel.xaxis.set_major_formatter(style.matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_formatter(style.matplotlib.ticker.NullFormatter())
    panel.set_xlabel(f"τ ({found.unit})")
    panel.set_ylabel("Positions")


def relaxation(measurements, palette):
    """g2(t), map and histogram of tau of every sample with a time series; None without any."""
    shown = [item for item in measurements if item.relaxation]
    if not shown:
        return None
    figure, axes = style.pyplot.subplots(len(shown), 3, squeeze=False,
                                         figsize=(style.DOUBLE_COLUMN_INCH, 2.2 * len(shown) + 0.2))
    for row, item in zip(axes, shown):
        _correlation(row[0], item, palette)
        _time_map(figure, row[1], item)
        _histogram(row[2], item, palette)
    numbers = []
    for item in shown:
        found = item.relaxation
        seen = (f"τ = {_with_error(found.time, found.time_error)} {found.unit}, β = "
                f"{_with_error(found.stretching, found.stretching_error)}" if numpy.isfinite(found.time)
                else "no relaxation time from the mean")
        numbers.append(f"{html.escape(item.label)}: {html.escape(seen)}; {found.determined} of {found.positions} positions "
                       "have a time of their own")
    return Figure("relaxation", SECTION, "Relaxation of the speckles",
                  "Left: intensity correlation g<sub>2</sub>(t) on the halo, mean over the positions, with one standard error, and "
                  "the fit of 1 + A exp(−2 (t/τ)<sup>β</sup>) as a series of this length shows it (line). Middle: τ at every "
                  "position of the first area, grey where it means nothing. Right: their histogram. "
                  f"{'. '.join(numbers)}.", *style.rendered(figure))
