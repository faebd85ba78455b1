"""What a time series adds to an mro.h5: g2(t) and the map of relaxation times, as plain data."""

import dataclasses

import numpy


@dataclasses.dataclass
class Relaxation:
    """The sample's mean g2 with its fit, and the first area's map of tau; values are NaN where no relaxation was seen."""

    lag: numpy.ndarray
    g2: numpy.ndarray
    g2_error: numpy.ndarray
    g2_fit: numpy.ndarray
    unit: str
    time: float
    time_error: float
    stretching: float
    stretching_error: float
    time_map: numpy.ndarray
    determined: int
    positions: int


def read_relaxation(file, sample, area):
    """None where the file holds no time series."""
    group, own = f"{sample}/relaxation", f"{area}/relaxation"
    if not file.exists(f"{group}/g2/data") or not file.exists(f"{own}/relaxation_time/data"):
        return None
    g2 = file.numbers(f"{group}/g2/data", 1)
    curves = {name: file.numbers(f"{group}/{name}/data", 1) for name in ("g2_error", "g2_fit")}
    if any(len(curve) != len(g2) for curve in curves.values()):
        raise file.wrong(f"{group} holds curves of different lengths", "write it anew with mg-analyze")
    time_map = file.numbers(f"{own}/relaxation_time/data", 2)
    return Relaxation(
        lag=file.axis(f"{group}/g2", 0, len(g2)), g2=g2, **curves, unit=file.attribute_text(group, "time_unit", "s"),
        time=file.attribute_real(group, "relaxation_time"), time_error=file.attribute_real(group, "relaxation_time_error"),
        stretching=file.attribute_real(group, "stretching"),
        stretching_error=file.attribute_real(group, "stretching_error"), time_map=time_map,
        determined=int(numpy.isfinite(time_map).sum()), positions=time_map.size)
