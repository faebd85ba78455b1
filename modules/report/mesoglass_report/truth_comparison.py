"""Planted truth beside measured values, and whether the measurement puts the glasses in the planted sequence."""

import dataclasses
import itertools

import numpy

# (name, key of the planted value, unit, decimals)
QUANTITIES = (("size", "size_nm", "nm", 2), ("area fraction", "area_fraction", "", 3), ("order", "order", "", 4))


@dataclasses.dataclass
class Row:
    """One planted type of one glass; `measured` maps a quantity's name to (value, standard error)."""

    glass: str
    planted: object
    measured_k: float
    measured: dict


@dataclasses.dataclass
class Sequence:
    """The glasses in the order of a quantity, as planted and as measured."""

    quantity: str
    planted: list
    measured: list
    agrees: bool


def _measured_values(measurement, planted):
    # The measured type whose k window holds the planted k, the nearest peak first; else the curves at the planted k.
    table = measurement.types
    inside = numpy.flatnonzero((table["k_low"] <= planted.k) & (planted.k <= table["k_high"]))
    if inside.size:
        row = inside[numpy.argmin(numpy.abs(table["k_peak"][inside] - planted.k))]
        return table["k_peak"][row], {
            "size": (table["size_nm"][row], table["size_error_nm"][row]),
            "area fraction": (table["area_fraction"][row], table["area_fraction_error"][row]),
            "order": (table["order"][row], table["order_error"][row])}
    return numpy.nan, {"size": measurement.size.at(planted.k),
                       "area fraction": measurement.area_fraction.at(planted.k),
                       "order": measurement.order.at(planted.k)}


def compare(measurements, truths):
    """One Row a planted type, for every glass that has both a measurement and a truth."""
    by_label = {item.label: item for item in measurements}
    return [Row(truth.label, planted, *_measured_values(by_label[truth.label], planted))
            for truth in truths if truth.label in by_label for planted in truth.types]


def dominant(rows, key):
    """glass -> the row of the type for which the planted quantity `key` is largest: the peak of that curve."""
    chosen = {}
    for row in rows:
        if row.glass not in chosen or getattr(row.planted, key) > getattr(chosen[row.glass].planted, key):
            chosen[row.glass] = row
    return chosen


def sequences(rows):
    """For each quantity the sequence of the glasses by their dominant types; empty with fewer than two glasses."""
    result = []
    for name, key, _, _ in QUANTITIES:
        chosen = dominant(rows, key)
        if len(chosen) < 2:
            return []
        planted = {glass: getattr(row.planted, key) for glass, row in chosen.items()}
        measured = {glass: row.measured[name][0] for glass, row in chosen.items()}
        # A pair planted alike has no order to get wrong.
        agrees = all(numpy.isfinite(measured[a]) and numpy.isfinite(measured[b])
                     and (planted[a] - planted[b]) * (measured[a] - measured[b]) > 0
                     for a, b in itertools.combinations(chosen, 2) if not numpy.isclose(planted[a], planted[b], rtol=0.01))
        result.append(Sequence(name, sorted(planted, key=planted.get, reverse=True),
                               sorted(measured, key=lambda glass: -numpy.nan_to_num(measured[glass], nan=-1e300)), agrees))
    return result
