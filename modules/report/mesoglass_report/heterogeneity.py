"""Bins of thickness and local maps of an mro.h5, as plain data; both are absent from files of older versions."""

import dataclasses

import numpy

SHOWN_MAPS = ("thickness", "density", "order", "dilatation", "shear")


@dataclasses.dataclass
class ThicknessBins:
    """Averages of every bin of thickness over the sample; order and size are (bin, k)."""

    k: numpy.ndarray
    transmittance: numpy.ndarray
    patterns: numpy.ndarray
    order: numpy.ndarray
    order_error: numpy.ndarray
    odd_even_quality: numpy.ndarray
    size: numpy.ndarray
    size_error: numpy.ndarray


@dataclasses.dataclass
class LocalMap:
    """One map of the first area with its statistics; lengths in the scan's unit."""

    name: str
    unit: str
    image: numpy.ndarray
    mean: float
    mean_error: float
    deviation: float
    noise_deviation: float
    correlation_length: float
    independent: float


@dataclasses.dataclass
class Heterogeneity:
    """Local maps, and Pearson's r between them over the areas (maps, maps)."""

    maps: list
    names: list
    correlation: numpy.ndarray
    correlation_error: numpy.ndarray
    area_scatter: numpy.ndarray


def read_thickness_bins(file, sample):
    """None where the file has none, or a single bin."""
    group = f"{sample}/thickness_bins"
    if not file.exists(f"{group}/order/data"):
        return None
    order = file.numbers(f"{group}/order/data", 2)
    if len(order) < 2:
        return None
    return ThicknessBins(
        k=file.axis(f"{group}/order", 1, order.shape[1]),
        transmittance=file.numbers(f"{group}/transmittance_mean/data", 1),
        patterns=file.numbers(f"{group}/patterns/data", 1),
        order=order, order_error=file.numbers(f"{group}/order_error/data", 2),
        odd_even_quality=file.numbers(f"{group}/odd_even_quality/data", 2),
        size=file.numbers(f"{group}/size/data", 2), size_error=file.numbers(f"{group}/size_error/data", 2))


def read_heterogeneity(file, sample, area):
    """None where the file has no local maps."""
    group, pooled = f"{area}/heterogeneity", f"{sample}/heterogeneity"
    if not file.exists(f"{group}/names") or not file.exists(f"{pooled}/names"):
        return None
    names = file.texts(f"{group}/names")
    statistics = {name: file.numbers(f"{group}/{name}/data", 1)
                  for name in ("mean", "mean_error", "deviation", "noise_deviation", "correlation_length",
                               "independent_positions")}
    if any(len(values) != len(names) for values in statistics.values()):
        raise file.wrong(f"{group} has {len(names)} names but statistics of other lengths", "write it anew with mg-analyze")
    maps = []
    for i, name in enumerate(names):
        path = f"{group}/maps/{name}/data"
        maps.append(LocalMap(name, file.attribute_text(path, "units", ""),
                             file.numbers(path, 2) if name in SHOWN_MAPS else numpy.empty((0, 0)),
                             *(statistics[key][i] for key in ("mean", "mean_error", "deviation", "noise_deviation",
                                                              "correlation_length", "independent_positions"))))
    tables = [file.numbers(f"{pooled}/{name}/data", 2)
              for name in ("correlation", "correlation_error", "correlation_area_scatter")]
    pooled_names = file.texts(f"{pooled}/names")
    if any(table.shape != (len(pooled_names), len(pooled_names)) for table in tables):
        raise file.wrong(f"{pooled} has {len(pooled_names)} names but tables of other sizes", "write it anew with mg-analyze")
    return Heterogeneity(maps, pooled_names, *tables)
