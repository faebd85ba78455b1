"""What mg-analyze measured (mro.h5) and what mg-phantom planted (truth.h5), as plain data."""

import dataclasses

import numpy

from . import heterogeneity, relaxation
from .result_files import ResultFile

CALIBRATION_NAMES = ("centre_x_px", "centre_y_px", "ring_radius_px", "ellipse_axis_ratio", "ellipse_angle_rad",
                     "k_per_pixel", "scan_step_nm", "gain", "probe_fwhm_nm", "kept_patterns", "total_patterns")
TYPE_NAMES = ("k_peak", "k_low", "k_high", "size_nm", "size_error_nm", "area_fraction", "area_fraction_error", "order",
              "order_error")


@dataclasses.dataclass
class Curve:
    """A quantity over k with its standard error."""

    k: numpy.ndarray
    value: numpy.ndarray
    error: numpy.ndarray

    def at(self, k):
        """Value and error at a scattering vector, linear between the bins; NaN outside."""
        good = numpy.isfinite(self.value)
        if not good.any():
            return numpy.nan, numpy.nan
        return (float(numpy.interp(k, self.k[good], self.value[good], numpy.nan, numpy.nan)),
                float(numpy.interp(k, self.k[good], self.error[good], numpy.nan, numpy.nan)))


@dataclasses.dataclass
class ExampleMap:
    """One dark-field map: the intensity at (k, phi) over the scan."""

    k: float
    phi: float
    image: numpy.ndarray


@dataclasses.dataclass
class PairDistribution:
    """S(k) and G(r) (its `k` are distances in nm), and what the file warns of."""

    structure_factor: Curve
    distribution: Curve
    peak_nm: float
    peak_error_nm: float
    warning: str


@dataclasses.dataclass
class Measurement:
    """One sample: curves averaged over its areas, images of its first area."""

    label: str
    size: Curve
    area_fraction: Curve
    order: Curve
    power: numpy.ndarray
    power_n: numpy.ndarray
    power_k: numpy.ndarray
    odd_even_quality: Curve
    radial_intensity: Curve
    areas: int
    mean_pattern: numpy.ndarray
    transmittance: numpy.ndarray
    transmittance_histogram: Curve
    calibration: dict
    example_maps: list
    types: dict
    thickness_bins: heterogeneity.ThicknessBins | None
    heterogeneity: heterogeneity.Heterogeneity | None
    pair_distribution: PairDistribution | None
    relaxation: relaxation.Relaxation | None
    provenance: dict


@dataclasses.dataclass
class PlantedType:
    """One row of the truth's table of MRO types, with what the realised film holds; `size_nm` is what ideal maps of it
    show (the diameter where the file does not say)."""

    name: str
    k: float
    fold: int
    diameter_nm: float
    size_nm: float
    volume_fraction: float
    area_fraction: float
    order: float


@dataclasses.dataclass
class Truth:
    """What a phantom was built from."""

    label: str
    types: list
    transmittance: numpy.ndarray
    provenance: dict


def _curve(file, group, quantity, with_error=True):
    value = file.numbers(f"{group}/{quantity}/data", 1)
    k = file.axis(f"{group}/{quantity}", 0, len(value))
    error = numpy.zeros_like(value)
    if with_error:
        error = file.numbers(f"{group}/{quantity}_error/data", 1)
        if len(error) != len(value):
            raise file.wrong(f"{group}/{quantity}_error has {len(error)} values, {quantity} has {len(value)}",
                             "write it anew with mg-analyze")
    return Curve(k, value, error)


def _example_maps(file, area, wanted):
    path = f"{area}/example_maps/data"
    if not file.exists(path):
        return []
    k = file.numbers(f"{area}/example_map_k/data", 1)
    phi = file.numbers(f"{area}/example_map_phi/data", 1)
    count = file.shape(path)[0] if len(file.shape(path)) == 3 else 0
    if len(k) != count or len(phi) != count:
        raise file.wrong(f"{path} holds {count} maps, but k and phi are given for {len(k)} and {len(phi)}",
                         "write it anew with mg-analyze")
    chosen = numpy.unique(numpy.linspace(0, count - 1, min(wanted, count)).round().astype(int)) if count else []
    return [ExampleMap(k[i], phi[i], file.numbers(path, 3, int(i))) for i in chosen]


def _pair_distribution(file, sample):
    """None where the file was made without a composition."""
    path = f"{sample}/pair_distribution"
    if not file.exists(path):
        return None
    return PairDistribution(structure_factor=_curve(file, sample, "structure_factor"),
                            distribution=_curve(file, sample, "pair_distribution"),
                            peak_nm=file.attribute_real(path, "peak_nm"),
                            peak_error_nm=file.attribute_real(path, "peak_error_nm"),
                            warning=file.attribute_text(path, "warning", ""))


def read_measurement(label, path, example_maps):
    """Everything the figures need of an mro.h5; `example_maps` is how many dark-field maps to keep."""
    with ResultFile(path, "mesoglass mro") as file:
        areas = [name for name in file.children("/mro") if name.startswith("area_")]
        if not areas:
            raise file.wrong("has no /mro/area_000", "write it anew with mg-analyze")
        sample, area = "/mro/sample", f"/mro/{areas[0]}"
        power = file.numbers(f"{sample}/power/data", 2)
        return Measurement(
            label=label,
            size=_curve(file, sample, "size"),
            area_fraction=_curve(file, sample, "area_fraction"),
            order=_curve(file, sample, "order"),
            power=power,
            power_n=file.axis(f"{sample}/power", 0, power.shape[0]),
            power_k=file.axis(f"{sample}/power", 1, power.shape[1]),
            odd_even_quality=_curve(file, sample, "odd_even_quality", with_error=False),
            radial_intensity=_curve(file, sample, "radial_intensity", with_error=False),
            areas=len(areas),
            mean_pattern=file.numbers(f"{area}/mean_pattern/data", 2),
            transmittance=file.numbers(f"{area}/transmittance/data", 2),
            transmittance_histogram=_curve(file, area, "transmittance_histogram", with_error=False),
            calibration={name: file.attribute_real(f"{area}/calibration", name) for name in CALIBRATION_NAMES},
            example_maps=_example_maps(file, area, example_maps),
            types=file.table("/mro/types", TYPE_NAMES, optional=("several",)),
            thickness_bins=heterogeneity.read_thickness_bins(file, sample),
            heterogeneity=heterogeneity.read_heterogeneity(file, sample, area),
            pair_distribution=_pair_distribution(file, sample),
            relaxation=relaxation.read_relaxation(file, sample, area),
            provenance=file.provenance())


def read_truth(label, path):
    """The planted values of a truth.h5."""
    with ResultFile(path, "mesoglass truth") as file:
        table = file.table("/types", ("k", "fold", "diameter_mean_nm", "volume_fraction", "order",
                                      "realised_volume_fraction", "realised_diameter_mean_nm",
                                      "realised_area_fraction"), optional=("realised_speckle_size_nm",))
        names = file.texts("/types/name")
        if len(names) != len(table["k"]):
            raise file.wrong(f"/types/name has {len(names)} rows, /types/k {len(table['k'])}",
                             "write it anew with mg-phantom")
        types = [PlantedType(name=names[i], k=table["k"][i], fold=int(table["fold"][i]),
                             diameter_nm=table["realised_diameter_mean_nm"][i],
                             size_nm=table.get("realised_speckle_size_nm", table["realised_diameter_mean_nm"])[i],
                             volume_fraction=table["realised_volume_fraction"][i],
                             area_fraction=table["realised_area_fraction"][i], order=table["order"][i])
                 for i in range(len(names))]
        return Truth(label, types, file.numbers("/patterns/transmittance", 2), file.provenance())
