"""What mg-catalog built, mg-deform ran and mg-ensemble collected, as plain data."""

import dataclasses

import numpy

from .result_files import ResultFile

GROUP_QUANTITIES = ("peak_stress_gpa", "percolation_strain", "flow_stress_gpa")
GROUP_STATISTICS = ("mean", "standard_deviation", "standard_error", "interval_low", "interval_high", "effect_size",
                    "p_value")


@dataclasses.dataclass
class Catalog:
    """A slice through the voxel map and the table of STZ types."""

    label: str
    grid: tuple
    voxel_size_nm: numpy.ndarray
    type_slice: numpy.ndarray
    domain_slice: numpy.ndarray
    domains: int
    type_names: list
    types: dict
    volume_fraction: numpy.ndarray
    provenance: dict


@dataclasses.dataclass
class Snapshot:
    """A slice through the fields at one strain."""

    strain: float
    von_mises_strain: numpy.ndarray
    largest_cfv: numpy.ndarray


@dataclasses.dataclass
class Deformation:
    """One run: its history, outcome and a few snapshots."""

    label: str
    grid: tuple
    voxel_size_nm: numpy.ndarray
    history: dict
    outcome: dict
    end: str
    snapshots: list
    provenance: dict


@dataclasses.dataclass
class Ensemble:
    """Single runs, group statistics and curves on a common strain grid."""

    label: str
    run_group: list
    run_status: list
    runs: dict
    group_names: list
    group_runs: numpy.ndarray
    groups: dict
    confidence: float
    strain: numpy.ndarray
    stress: numpy.ndarray
    largest_cfv: numpy.ndarray
    group_curves: dict
    provenance: dict


def _grid(file):
    grid = tuple(int(file.attribute_real("/grid", name)) for name in ("nx", "ny", "nz"))
    size = numpy.ravel(numpy.asarray(file.attribute("/grid", "voxel_size_nm"), dtype=float))
    if min(grid) < 1 or len(size) != 3 or not (numpy.isfinite(size).all() and (size > 0).all()):
        raise file.wrong(f"/grid says {grid} voxels of {size.tolist()} nm", f"write it anew with {file.writer}")
    return grid, size


def _slice(file, path, grid):
    # The middle layer across z: the plane that holds the loading axis x.
    nx, ny, nz = grid
    if file.shape(path) != (nz, ny, nx):
        raise file.wrong(f"{path} has the shape {file.shape(path)}, the grid says {(nz, ny, nx)}",
                         f"write it anew with {file.writer}")
    return file.numbers(path, 3, nz // 2)


def read_catalog(label, path):
    """The middle slice of the voxel map and the type table of a catalog.h5."""
    with ResultFile(path, "mesoglass catalog") as file:
        grid, size = _grid(file)
        names = file.texts("/types/name")
        types = file.table("/types", ("modes", "amplitude", "softening"),
                           optional=("source_k_peak", "source_size_nm", "source_order", "diameter_error_nm",
                                     "volume_fraction_error", *(f"{name}_at_{side}_order"
                                                                for name in ("modes", "amplitude", "softening")
                                                                for side in ("less", "more"))))
        fraction = file.numbers("/realised/volume_fraction", 1)
        if not len(names) == len(types["modes"]) == len(fraction):
            raise file.wrong(f"/types/name has {len(names)} rows, /types/modes {len(types['modes'])}, "
                             f"/realised/volume_fraction {len(fraction)}", "write it anew with mg-catalog")
        return Catalog(label, grid, size, _slice(file, "/voxels/type", grid), _slice(file, "/voxels/domain", grid),
                       file.shape("/domains/type")[0], names, types, fraction, file.provenance())


def _chosen(strains, wanted):
    # The requested number of snapshots, spread over the run and always with the last.
    if len(strains) <= wanted:
        return list(range(len(strains)))
    return sorted(set(numpy.linspace(0, len(strains) - 1, wanted + 1).round().astype(int)[1:].tolist()))


def read_deformation(label, path, snapshots):
    """History, outcome and up to `snapshots` slices of a deform.h5."""
    with ResultFile(path, "mesoglass deform") as file:
        grid, size = _grid(file)
        history = file.table("/history", ("strain", "true_strain", "axial_stress", "largest_cfv", "events"))
        if len(history["strain"]) == 0:
            raise file.wrong("/history is empty", "run mg-deform to its end")
        outcome = {name: file.attribute_real("/outcome", name, numpy.nan)
                   for name in ("peak_stress_gpa", "peak_strain", "flow_stress_gpa", "percolation_strain", "seed")}
        names = file.children("/snapshots")
        strains = [file.attribute_real(f"/snapshots/{name}", "strain") for name in names]
        names = [names[i] for i in numpy.argsort(strains, kind="stable")]
        taken = [Snapshot(file.attribute_real(f"/snapshots/{names[i]}", "strain"),
                          _slice(file, f"/snapshots/{names[i]}/von_mises_strain", grid),
                          _slice(file, f"/snapshots/{names[i]}/largest_cfv", grid) > 0)
                 for i in _chosen(names, snapshots)]
        return Deformation(label, grid, size, history, outcome, file.attribute_text("/outcome", "end", ""), taken,
                           file.provenance())


def read_ensemble(label, path):
    """Runs, groups and curves of an ensemble.h5."""
    with ResultFile(path, "mesoglass ensemble") as file:
        run_group = file.texts("/runs/group")
        runs = file.table("/runs", ("seed", "peak_stress_gpa", "percolation_strain", "flow_stress_gpa"))
        strain = file.numbers("/curves/strain", 1)
        stress, cfv = file.numbers("/curves/stress", 2), file.numbers("/curves/largest_cfv", 2)
        names = file.texts("/groups/name")
        groups = file.table("/groups", [f"{quantity}_{statistic}" for quantity in GROUP_QUANTITIES
                                        for statistic in GROUP_STATISTICS])
        curves = {name: file.numbers(f"/group_curves/{name}", 2)
                  for name in ("stress_mean", "stress_standard_error", "largest_cfv_mean",
                               "largest_cfv_standard_error")}
        lengths = {"/runs/seed": len(runs["seed"]), "/curves/stress": len(stress), "/curves/largest_cfv": len(cfv)}
        for path_in_file, length in lengths.items():
            if length != len(run_group):
                raise file.wrong(f"{path_in_file} has {length} rows, /runs/group {len(run_group)}",
                                 "write it anew with mg-ensemble")
        if any(curve.shape != (len(names), len(strain)) for curve in curves.values()):
            raise file.wrong(f"/group_curves do not have {len(names)} groups of {len(strain)} strains",
                             "write it anew with mg-ensemble")
        if stress.shape[1:] != strain.shape or cfv.shape[1:] != strain.shape:
            raise file.wrong(f"/curves do not have {len(strain)} strains a run", "write it anew with mg-ensemble")
        confidence = file.attribute_real("/groups", "confidence")
        return Ensemble(label, run_group, file.texts("/runs/status"), runs, names, file.numbers("/groups/runs", 1),
                        groups, confidence, strain, stress, cfv, curves, file.provenance())
