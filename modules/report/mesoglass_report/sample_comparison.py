"""Samples against the first one: differences with their errors and how likely chance makes them."""

import dataclasses
import math

import numpy

from . import style
from .figure import Figure
from .measurement import Curve

# (name, attribute of a Measurement, unit, decimals)
QUANTITIES = (("size", "size", "nm", 2), ("area fraction", "area_fraction", "", 3), ("order", "order", "", 4))
SIGNIFICANT = 0.05


@dataclasses.dataclass
class Difference:
    """One quantity at one k: sample minus reference; `adjusted` is Holm's p-value over the whole table."""

    quantity: str
    k: float
    sample: str
    reference: str
    sample_value: tuple
    reference_value: tuple
    difference: float
    error: float
    p_value: float
    adjusted: float = numpy.nan

    @property
    def significant(self):
        return self.adjusted < SIGNIFICANT


def two_sided(difference, error):
    """p-value of a normally distributed difference; NaN where it or its error is unknown."""
    if not (numpy.isfinite(difference) and numpy.isfinite(error) and error > 0):
        return numpy.nan
    return math.erfc(abs(difference) / error / math.sqrt(2.0))


def holm(p_values):
    """p-values adjusted for their number (Holm 1979); NaN stays NaN and does not count."""
    p_values = numpy.asarray(p_values, dtype=float)
    adjusted = numpy.full(p_values.shape, numpy.nan)
    known = numpy.flatnonzero(numpy.isfinite(p_values))
    largest = 0.0
    for rank, place in enumerate(known[numpy.argsort(p_values[known], kind="stable")]):
        largest = max(largest, min(1.0, (known.size - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def common_peaks(measurements):
    """k of the types of all samples; those whose ranges hold each other's peak are one, at the mean of their peaks."""
    peaks = sorted((item.types["k_peak"][i], item.types["k_low"][i], item.types["k_high"][i])
                   for item in measurements for i in range(len(item.types["k_peak"])))
    groups = []
    for peak, low, high in peaks:
        near = next((group for group in groups if any(low <= other <= high and a <= peak <= b for other, a, b in group)), None)
        if near is None:
            groups.append([(peak, low, high)])
        else:
            near.append((peak, low, high))
    return [float(numpy.mean([peak for peak, _, _ in group])) for group in groups]


def compare(measurements):
    """Every later sample against the first, at the k of every type of any of them; none with fewer than two samples."""
    rows = []
    for item in measurements[1:]:
        for k in common_peaks(measurements):
            for name, attribute, _, _ in QUANTITIES:
                ours, theirs = getattr(item, attribute).at(k), getattr(measurements[0], attribute).at(k)
                difference, error = ours[0] - theirs[0], float(numpy.hypot(ours[1], theirs[1]))
                rows.append(Difference(name, k, item.label, measurements[0].label, ours, theirs, difference, error,
                                       two_sided(difference, error)))
    for row, adjusted in zip(rows, holm([row.p_value for row in rows])):
        row.adjusted = adjusted
    return rows


def _difference_curve(ours, theirs):
    """On the reference's k, inside the other's range."""
    value = numpy.interp(theirs.k, ours.k, ours.value, numpy.nan, numpy.nan) - theirs.value
    error = numpy.hypot(numpy.interp(theirs.k, ours.k, ours.error, numpy.nan, numpy.nan), theirs.error)
    return Curve(theirs.k, value, error)


def figure(measurements, palette, section):
    """Differences from the first sample against k; None with fewer than two samples."""
    if len(measurements) < 2:
        return None
    drawn, axes = style.pyplot.subplots(len(QUANTITIES), 1, sharex=True, figsize=(style.DOUBLE_COLUMN_INCH * 0.8, 5.6))
    reference = measurements[0]
    for panel, (name, attribute, unit, _) in zip(axes, QUANTITIES):
        panel.axhline(0.0, color="0.5", linewidth=0.8)
        for item in measurements[1:]:
            curve = _difference_curve(getattr(item, attribute), getattr(reference, attribute))
            colour = palette.colour(item.label)
            panel.plot(curve.k, curve.value, color=colour, label=f"{palette.name(item.label)} − {palette.name(reference.label)}")
            panel.fill_between(curve.k, curve.value - 2 * curve.error, curve.value + 2 * curve.error, color=colour, alpha=0.22,
                               linewidth=0)
        panel.set_ylabel(f"Δ {name}" + (f" ({unit})" if unit else ""))
        panel.margins(x=0.01)
    axes[0].legend()
    axes[-1].set_xlabel("Scattering vector k (nm$^{-1}$)")
    return Figure("sample-differences", section, "Samples compared",
                  "Differences from the first sample. Bands: two standard errors of the difference; where the band leaves out zero, "
                  "the samples differ at that k by more than their errors (single k, not adjusted for their number).",
                  *style.rendered(drawn))
