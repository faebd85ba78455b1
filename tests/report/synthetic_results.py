"""Small result files in exactly the layout of docs/formats.md, with values that a test can compute by hand."""

import h5py
import numpy

# glass -> (name, k, fold, diameter nm, area fraction, order): x = 0 large and weakly ordered, x = 1 strongly ordered.
PLANTED = {
    "x0": [("frustrated", 4.3, 6, 1.3, 0.24, 0.002), ("small", 5.0, 4, 1.0, 0.05, 0.001)],
    "x05": [("mixed", 4.1, 6, 1.05, 0.21, 0.005), ("small", 5.0, 4, 1.0, 0.05, 0.001)],
    "x1": [("ordered", 3.9, 4, 1.2, 0.15, 0.012), ("small", 5.0, 4, 1.0, 0.05, 0.001)],
}
K = numpy.linspace(3.0, 6.0, 31)


def put(file, path, values, units="1", description="made by a test"):
    """A dataset with the attributes that every mesoglass dataset has."""
    dataset = file.create_dataset(path, data=values)
    dataset.attrs["units"] = units
    dataset.attrs["description"] = description
    return dataset


def start(path, file_format):
    """A new file with its format and provenance."""
    file = h5py.File(path, "w")
    file.attrs["format"] = file_format
    file.attrs["format_version"] = [1, 0]
    put(file, "provenance/program", "synthetic")
    put(file, "provenance/command_line", "synthetic --glass \"x\" <&>")
    return file


def emd(file, group, values, *axes, units="1"):
    """An EMD array group; an axis is (name, units, values)."""
    put(file, f"{group}/data", values, units)
    for number, (name, unit, axis) in enumerate(axes):
        dataset = put(file, f"{group}/dim{number}", axis, unit)
        dataset.attrs["name"] = name


def peaks(glass, column, width=0.18, base=0.0):
    """A curve over K with a Gaussian at each planted type, of height `column`."""
    return base + sum((row[column] - base) * numpy.exp(-0.5 * ((K - row[1]) / width) ** 2) for row in PLANTED[glass])


def write_mro(path, glass, random):
    """mro.h5: the planted values plus small errors, so that the sequence comes back."""
    with start(path, "mesoglass mro") as file:
        k_axis = ("k", "nm^-1", K)
        for group in ("mro/sample", "mro/area_000"):
            for name, column, base in (("size", 3, 0.6), ("area_fraction", 4, 0.02), ("order", 5, 0.0)):
                emd(file, f"{group}/{name}", peaks(glass, column, base=base), k_axis, units="nm" if column == 3 else "1")
                emd(file, f"{group}/{name}_error", numpy.full(K.size, 0.02 * PLANTED[glass][0][column]), k_axis)
            n = numpy.arange(1, 13)
            even = numpy.where(n % 2 == 0, 1.0 / n, 0.02 / n)
            power = even[:, None] * peaks(glass, 5)[None, :] + random.normal(0, 1e-6, (12, K.size))
            for name in ("power", "power_variance", "power_error"):
                emd(file, f"{group}/{name}", power if name == "power" else power ** 2, ("n", "1", n), k_axis)
            emd(file, f"{group}/odd_even_quality", numpy.full(K.size, 0.02), k_axis)
            emd(file, f"{group}/radial_intensity", 10 * numpy.exp(-0.5 * ((K - 4) / 0.5) ** 2), k_axis)
            r_axis = ("r", "nm", 0.01 * numpy.arange(1, 101))
            for suffix, factor in (("", 1.0), ("_error", 0.02)):
                emd(file, f"{group}/structure_factor{suffix}", factor * (1 + numpy.sin(K)), k_axis)
                emd(file, f"{group}/pair_distribution{suffix}", factor * 90 * numpy.sin(20 * r_axis[2]), r_axis, units="nm^-2")
            file[f"{group}/pair_distribution"].attrs.update(
                {"peak_nm": 0.2787, "peak_error_nm": 0.0004, "warning": "k_max = 6 nm^-1 limits G(r)" if glass == "x0" else ""})
        area = "mro/area_000"
        size, step = 64, 0.3
        y, x = numpy.mgrid[:size, :size]
        radius = numpy.hypot((x - 31.2) / 1.01, (y - 32.4) * 1.01)
        pattern = 4e3 * numpy.exp(-0.5 * (radius / 2.5) ** 2) + 60 * numpy.exp(-0.5 * ((radius - 18) / 2.4) ** 2) + 4
        emd(file, f"{area}/mean_pattern", pattern, ("ky", "nm^-1", [0.0, 0.22]), ("kx", "nm^-1", [0.0, 0.22]))
        scan_y, scan_x = numpy.mgrid[:40, :48]
        transmittance = 0.72 - 0.001 * scan_x + random.normal(0, 0.004, scan_x.shape)
        emd(file, f"{area}/transmittance", transmittance, ("y", "nm", [0.0, step]), ("x", "nm", [0.0, step]))
        count, edges = numpy.histogram(transmittance, 40, (0.5, 0.9))
        emd(file, f"{area}/transmittance_histogram", count, ("transmittance", "1", (edges[1:] + edges[:-1]) / 2))
        maps = random.gamma(4.0, 2.0, (6, 40, 48))
        emd(file, f"{area}/example_maps", maps, ("map", "1", numpy.arange(6)), ("y", "nm", [0.0, step]),
            ("x", "nm", [0.0, step]))
        put(file, f"{area}/example_map_k/data", numpy.repeat([3.9, 4.3, 5.0], 2), "nm^-1")
        put(file, f"{area}/example_map_phi/data", numpy.tile([0.0, 1.5], 3), "rad")
        write_heterogeneity(file, glass, random, scan_y, scan_x, step)
        write_relaxation(file, scan_y, scan_x, step)
        calibration = file.create_group(f"{area}/calibration")
        for name, value in (("centre_x_px", 31.2), ("centre_y_px", 32.4), ("ring_radius_px", 18.0),
                            ("ellipse_axis_ratio", 1.02), ("ellipse_angle_rad", 0.0), ("k_per_pixel", 0.22),
                            ("scan_step_nm", step), ("gain", 1.0), ("probe_fwhm_nm", 1.0), ("kept_patterns", 1900),
                            ("total_patterns", 1920)):
            calibration.attrs[name] = value
        planted = PLANTED[glass]
        for name, values in (("k_peak", [row[1] + 0.02 for row in planted]), ("k_low", [row[1] - 0.2 for row in planted]),
                             ("k_high", [row[1] + 0.2 for row in planted]), ("size_nm", [row[3] * 0.98 for row in planted]),
                             ("size_error_nm", [0.03, 0.04]), ("area_fraction", [row[4] * 1.05 for row in planted]),
                             ("area_fraction_error", [0.01, 0.01]), ("order", [row[5] * 0.5 for row in planted]),
                             ("order_error", [1e-4, 1e-4])):
            put(file, f"mro/types/{name}", values)


MAPS = ("thickness", "density", "order", "c4", "dilatation", "shear", "modulus")


def write_heterogeneity(file, glass, random, scan_y, scan_x, step):
    """Three bins of thickness, and local maps of which two have r = 0.5 with each other."""
    bins = ("thickness bin", "1", numpy.arange(3.0))
    for group in ("mro/sample/thickness_bins", "mro/area_000/thickness_bins"):
        curve = numpy.array([peaks(glass, 5) * factor for factor in (0.9, 1.0, 1.1)])
        for name in ("order", "order_error", "odd_even_quality", "size", "size_error"):
            emd(file, f"{group}/{name}", curve * (0.02 if name.endswith("error") else 1.0), bins, ("k", "nm^-1", K))
        emd(file, f"{group}/transmittance_mean", [0.68, 0.70, 0.72], bins)
        emd(file, f"{group}/patterns", [640.0, 630.0, 630.0], bins)
    table = numpy.full((len(MAPS), len(MAPS)), 0.5) + 0.5 * numpy.eye(len(MAPS))
    maps = ("map", "1", numpy.arange(float(len(MAPS))))
    for group in ("mro/sample/heterogeneity", "mro/area_000/heterogeneity"):
        put(file, f"{group}/names", list(MAPS))
        for name, values in (("correlation", table), ("correlation_error", 0.1 * table),
                             ("correlation_area_scatter", numpy.full_like(table, numpy.nan))):
            emd(file, f"{group}/{name}", values, maps, maps)
    for name, value in (("mean", 1.0), ("mean_error", 0.01), ("deviation", 0.5), ("noise_deviation", 0.3),
                        ("correlation_length", 1.7), ("independent_positions", 55.0)):
        emd(file, f"mro/area_000/heterogeneity/{name}", numpy.full(len(MAPS), value), maps)
    for name in MAPS:
        emd(file, f"mro/area_000/heterogeneity/maps/{name}", 1.0 + 0.1 * random.normal(size=scan_x.shape) + 0.01 * scan_y,
            ("y", "nm", [0.0, step]), ("x", "nm", [0.0, step]), units="mean free paths" if name == "thickness" else "1")


def write_relaxation(file, scan_y, scan_x, step):
    """A decay of tau = 4 s, and times that grow along x with a gap."""
    lag = numpy.arange(1.0, 41.0)
    g2 = 1.0 + 0.05 * numpy.exp(-2.0 * lag / 4.0)
    for group in ("mro/sample/relaxation", "mro/area_000/relaxation"):
        for name, values in (("g2", g2 + 0.001), ("g2_error", numpy.full(lag.size, 0.001)), ("g2_fit", g2)):
            emd(file, f"{group}/{name}", values, ("lag", "s", lag))
        for name, value in (("relaxation_time", 4.0), ("relaxation_time_error", 0.2), ("stretching", 1.0),
                            ("stretching_error", 0.05), ("time_unit", "s")):
            file[group].attrs[name] = value
    times = 3.0 + 0.05 * scan_x
    times[:4] = numpy.nan
    emd(file, "mro/area_000/relaxation/relaxation_time", times, ("y", "nm", [0.0, step]), ("x", "nm", [0.0, step]), units="s")


def write_truth(path, glass):
    """truth.h5 with the planted types."""
    with start(path, "mesoglass truth") as file:
        file.attrs["glass"] = glass
        rows = PLANTED[glass]
        put(file, "types/name", [row[0] for row in rows])
        for name, values in (("k", [row[1] for row in rows]), ("fold", [row[2] for row in rows]),
                             ("diameter_mean_nm", [row[3] for row in rows]), ("diameter_spread_nm", [0.1, 0.1]),
                             ("volume_fraction", [0.2, 0.05]), ("order", [row[5] for row in rows]),
                             ("realised_volume_fraction", [0.2, 0.05]),
                             ("realised_diameter_mean_nm", [row[3] for row in rows]),
                             ("realised_area_fraction", [row[4] for row in rows])):
            put(file, f"types/{name}", values)
        put(file, "patterns/transmittance", numpy.full((40, 48), 0.7))


def _grid(file, grid, size):
    group = file.create_group("grid")
    for name, value in zip(("nx", "ny", "nz"), grid):
        group.attrs[name] = value
    group.attrs["voxel_size_nm"] = [size] * 3


def _voxel_types(grid, glass):
    nx, ny, nz = grid
    z, y, x = numpy.mgrid[:nz, :ny, :nx]
    domain = ((x // 6) + 10 * (y // 6)).astype(int)
    inside = ((x % 6 - 2.5) ** 2 + (y % 6 - 2.5) ** 2 < 4.5) & (domain % 3 == 0)
    kinds = numpy.where(inside, 1 + domain // 3 % 2 if glass == "x05" else 1, 0)
    return kinds.astype(numpy.uint8), numpy.where(inside, domain, -1).astype(numpy.int32)


def write_catalog(path, glass, grid=(48, 48, 1), size=0.7):
    """catalog.h5 with a regular pattern of domains."""
    with start(path, "mesoglass catalog") as file:
        file.attrs["glass"] = glass
        file.attrs["seed"] = 1
        _grid(file, grid, size)
        kinds, domain = _voxel_types(grid, glass)
        put(file, "voxels/type", kinds)
        put(file, "voxels/domain", domain)
        table = {"x0": [("frustrated", 12, 0.9)], "x1": [("ordered", 2, 0.01)]}.get(
            glass, [("frustrated", 12, 0.9), ("ordered", 2, 0.01)])
        put(file, "types/name", ["matrix"] + [row[0] for row in table])
        put(file, "types/modes", [20] + [row[1] for row in table])
        put(file, "types/softening", [1.0] + [row[2] for row in table])
        put(file, "types/amplitude", [1.0] + [0.5 for row in table])
        # As from a measurement: what one standard error of the order does.
        put(file, "types/modes_at_less_order", [numpy.nan] + [row[1] + 4 for row in table])
        put(file, "types/modes_at_more_order", [numpy.nan] + [row[1] - 2 for row in table])
        put(file, "types/volume_fraction_error", [numpy.nan] + [0.0123 for row in table])
        put(file, "domains/type", numpy.ones(8, int))
        put(file, "realised/volume_fraction", [(kinds == i).mean() for i in range(len(table) + 1)])


def stress_at(strain, peak):
    """Elastic to `peak` GPa, then a drop to a plateau."""
    modulus = 60.0
    top = peak / modulus
    return numpy.where(strain < top, modulus * strain, peak - 0.5 * (1 - numpy.exp(-(strain - top) / 0.003)))


def cfv_at(strain, threshold):
    """A steep rise at the threshold."""
    return 3 + 120 / (1 + numpy.exp(-(strain - threshold) / 0.0008))


def write_deform(path, glass, threshold, grid=(48, 48, 1), size=0.7):
    """deform.h5 with four snapshots and a growing band."""
    with start(path, "mesoglass deform") as file:
        _grid(file, grid, size)
        strain = numpy.linspace(0, 0.06, 301)
        for name, values in (("strain", strain), ("true_strain", numpy.log1p(strain)),
                             ("axial_stress", stress_at(strain, 2.6)), ("largest_cfv", cfv_at(strain, threshold)),
                             ("events", numpy.arange(301))):
            put(file, f"history/{name}", values)
        nx, ny, nz = grid
        _, y, x = numpy.mgrid[:nz, :ny, :nx]
        distance = numpy.abs(x - y + 3 * numpy.sin(y / 5.0))
        for number, at in enumerate((0.02, 0.04, 0.05, 0.06)):
            group = f"snapshots/{number:03d}"
            put(file, f"{group}/von_mises_strain", at * 0.2 + 6 * max(0, at - 0.038) * numpy.exp(-(distance / 3.0) ** 2))
            put(file, f"{group}/largest_cfv", ((distance < 2) & (x < nx * (at - 0.03) * 40)).astype(numpy.uint8))
            file[group].attrs["strain"] = at
        kinds, _ = _voxel_types(grid, glass)
        put(file, "voxels/type", kinds)
        outcome = file.create_group("outcome")
        for name, value in (("peak_stress_gpa", 2.6), ("peak_strain", 2.6 / 60), ("flow_stress_gpa", 2.1),
                            ("percolation_strain", threshold), ("glass", glass), ("seed", 7), ("end", "strain")):
            outcome.attrs[name] = value


def write_ensemble(path, thresholds, random, seeds=6):
    """ensemble.h5: thresholds of each glass scattered over the seeds; the last run failed."""
    with start(path, "mesoglass ensemble") as file:
        groups = [glass for glass in thresholds for _ in range(seeds)]
        values = numpy.array([thresholds[glass] for glass in groups]) + random.normal(0, 0.002, len(groups))
        strain = numpy.linspace(0, 0.06, 121)
        peak = 2.6 + random.normal(0, 0.02, len(groups))
        stress = numpy.array([stress_at(strain, value) for value in peak])
        cfv = numpy.array([cfv_at(strain, value) for value in values])
        status = ["complete"] * (len(groups) - 1) + ["failed"]
        for column in (values, peak):
            column[-1] = numpy.nan
        stress[-1] = cfv[-1] = numpy.nan
        put(file, "runs/group", groups)
        put(file, "runs/status", status)
        put(file, "runs/reason", [""] * (len(groups) - 1) + ["killed"])
        put(file, "runs/seed", numpy.arange(len(groups)))
        columns = {"peak_stress_gpa": peak, "percolation_strain": values, "flow_stress_gpa": peak - 0.5}
        for name, column in columns.items():
            put(file, f"runs/{name}", column)
        put(file, "curves/strain", strain)
        put(file, "curves/stress", stress, "GPa")
        put(file, "curves/largest_cfv", cfv, "nm^3")
        names = list(thresholds)
        put(file, "groups/name", names)
        members = [[i for i, group in enumerate(groups) if group == name and status[i] == "complete"] for name in names]
        put(file, "groups/runs", [len(rows) for rows in members])
        file["groups"].attrs["confidence"] = 0.95
        for name, column in columns.items():
            mean = numpy.array([column[rows].mean() for rows in members])
            spread = numpy.array([column[rows].std(ddof=1) for rows in members])
            error = spread / numpy.sqrt([len(rows) for rows in members])
            for statistic, value in (("mean", mean), ("standard_deviation", spread), ("standard_error", error),
                                     ("interval_low", mean - 2 * error), ("interval_high", mean + 2 * error),
                                     ("effect_size", [numpy.nan, 0.4, 0.1]), ("p_value", [numpy.nan, 0.03, 0.0004])):
                put(file, f"groups/{name}_{statistic}", value)
        for name, curves in (("stress", stress), ("largest_cfv", cfv)):
            put(file, f"group_curves/{name}_mean", [curves[rows].mean(0) for rows in members])
            put(file, f"group_curves/{name}_standard_error",
                [curves[rows].std(0, ddof=1) / numpy.sqrt(len(rows)) for rows in members])


def write_all(folder, seed=1):
    """Every kind of file for three glasses; the mg-report arguments that name them."""
    random = numpy.random.default_rng(seed)
    thresholds = {"x0": 0.045, "x05": 0.049, "x1": 0.044}
    arguments = []
    for glass in PLANTED:
        write_mro(folder / f"mro-{glass}.h5", glass, random)
        write_truth(folder / f"truth-{glass}.h5", glass)
        write_catalog(folder / f"catalog-{glass}.h5", glass)
        write_deform(folder / f"deform-{glass}.h5", glass, thresholds[glass])
        arguments += ["--mro", f"{glass}=mro-{glass}.h5", "--truth", f"truth-{glass}.h5", "--catalog",
                      f"catalog-{glass}.h5", "--deform", f"deform-{glass}.h5"]
    write_ensemble(folder / "ensemble.h5", thresholds, random)
    return arguments + ["--ensemble", "ensemble.h5"]
