#!/usr/bin/python3
"""Studies of mg-deform that are too long for a test: runs them, draws the figures and writes the numbers of
docs/verification-deformation.md.

    tests/studies/deformation_studies.py --bin build/release/bin --work studies --docs docs

Runs that are there already are kept, so an interrupted study goes on. All of it takes some ten minutes of processor time.
"""

import argparse
import itertools
import os
import pathlib
import subprocess

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

GLASSES = ("x0", "x05", "x1")


class Laboratory:
    """Starts the programs and remembers what they gave."""

    def __init__(self, programs, work, engine):
        self.programs = programs
        self.work = work
        self.engine = engine
        work.mkdir(parents=True, exist_ok=True)

    def start(self, program, *arguments):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        subprocess.run([self.programs / program, *map(str, arguments), "--quiet"], check=True, cwd=self.work,
                       env=environment)

    def glass(self, name, *arguments):
        if not (self.work / name).exists():
            self.start("mg-catalog", *arguments, "--output", name)
        return name

    def deform(self, name, catalog, *arguments):
        if not (self.work / name).exists():
            self.start("mg-deform", catalog, *arguments, "--engine", self.engine, "--paraview", "no", "--resume",
                       "--output", name)
        return h5py.File(self.work / name)


def power_law_fit(sizes, smallest):
    """Maximum likelihood of P(s) ~ s^-tau exp(-s / cut) for whole numbers s >= smallest: tau, its standard error (from
    the curvature of the likelihood, with the cut-off free) and the cut-off."""
    sizes = np.asarray([size for size in sizes if size >= smallest], float)
    every = np.arange(smallest, 40 * sizes.max() + 1)
    log_every = np.log(every)
    mean_log, mean = np.log(sizes).mean(), sizes.mean()

    def loss(tau, log_cut):
        weights = -tau * log_every - every * np.exp(-log_cut)
        return len(sizes) * (tau * mean_log + mean * np.exp(-log_cut) + np.logaddexp.reduce(weights))

    # Newton's method on the smooth, convex problem, with derivatives by differences.
    at = np.array([1.5, np.log(3.0 * mean)])
    step = np.array([1e-3, 1e-3])
    for _ in range(60):
        gradient, curvature = derivatives(loss, at, step)
        move = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        at = at - np.clip(move, -0.3, 0.3)
        if np.abs(move).max() < 1e-5:
            break
    covariance = np.linalg.inv(derivatives(loss, at, step)[1])
    return at[0], np.sqrt(covariance[0, 0]), np.exp(at[1]), np.exp(at[1]) * np.sqrt(covariance[1, 1]), len(sizes)


def derivatives(function, at, step):
    gradient = np.zeros(2)
    curvature = np.zeros((2, 2))
    for i in range(2):
        up, down = at.copy(), at.copy()
        up[i] += step[i]
        down[i] -= step[i]
        gradient[i] = (function(*up) - function(*down)) / (2 * step[i])
        curvature[i, i] = (function(*up) - 2 * function(*at) + function(*down)) / step[i] ** 2
    corners = [function(*(at + step * np.array(s))) for s in itertools.product((1, -1), repeat=2)]
    curvature[0, 1] = curvature[1, 0] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step[0] * step[1])
    return gradient, curvature


def cascades(file, from_strain):
    """Sizes of trigger and cascade together: at 5 K a thermal event is nothing but a barrier about to vanish."""
    avalanche = file["events/avalanche"][:]
    strain = file["events/strain"][:]
    starts = np.flatnonzero((avalanche < 0) | (np.diff(avalanche, prepend=-1) != 0) & (np.roll(avalanche, 1) >= 0))
    sizes = np.diff(np.append(starts, len(avalanche)))
    return sizes[strain[starts] > from_strain]


def avalanches(lab, figures):
    """Athermal shear: 2-D plane strain at 5 K, no softening."""
    rows = []
    fig, axis = plt.subplots(figsize=(5.4, 4))
    for edge, seeds in ((16, 24), (32, 12), (64, 6), (128, 1)):
        glass = lab.glass(f"avalanche-{edge}.catalog.h5", "--glass", "matrix", "--parameter-set", "2d", "--nx", edge)
        sizes = []
        for seed in range(1, seeds + 1):
            file = lab.deform(f"avalanche-{edge}-{seed}.h5", glass, "--seed", seed, "--loading", "shear", "--plane",
                              "plane-strain", "--temperature", 5, "--rate-change", 3, "--permanent-softening", 0,
                              "--temporary-softening", 0, "--final-strain", 1.0, "--record-strain", 1e-3)
            sizes.extend(cascades(file, 0.4))
        tau, error, cut, cut_error, count = power_law_fit(sizes, 2)
        rows.append((edge, count, tau, error, cut, cut_error, max(sizes)))
        edges = np.unique(np.round(1.6 ** np.arange(0, 18)).astype(int))
        density = np.histogram(sizes, bins=edges)[0] / np.diff(edges) / len(sizes)
        centre = np.sqrt(edges[:-1] * (edges[1:] - 1.0).clip(1))
        shown = density > 0
        axis.loglog(centre[shown], density[shown], "o-", markersize=4, label=f"{edge} x {edge}")
    guide = np.array([2.0, 100.0])
    axis.loglog(guide, 0.5 * guide**-1.36, "k--", linewidth=0.8, label="exponent 1.36")
    axis.set_xlabel("transformations in an avalanche")
    axis.set_ylabel("probability")
    axis.legend()
    save(fig, figures / "deformation-avalanches.png")
    cuts = np.array([row[4] for row in rows])
    growth = np.polyfit(np.log([row[0] for row in rows]), np.log(cuts), 1)[0]
    table = "\n".join(f"| {edge}² | {count} | {tau:.2f} ± {error:.2f} | {cut:.0f} ± {cut_error:.0f} | {largest} |"
                      for edge, count, tau, error, cut, cut_error, largest in rows)
    return {"avalanche_table": table, "avalanche_growth": f"{growth:.2f}"}


def peak_of(file):
    return float(file["outcome"].attrs["peak_stress_gpa"])


def line_with_error(x, groups):
    """Slope of the group means on x, weighted by their standard errors, and the slope's standard error."""
    mean = np.array([np.mean(group) for group in groups])
    error = np.array([np.std(group, ddof=1) / np.sqrt(len(group)) for group in groups])
    weight = 1.0 / error**2
    centre = np.sum(weight * x) / np.sum(weight)
    spread = np.sum(weight * (x - centre) ** 2)
    return np.sum(weight * (x - centre) * mean) / spread, 1.0 / np.sqrt(spread), mean, error


def sensitivities(lab, figures):
    """Peak stress against strain rate and temperature, three-dimensional default set and two-dimensional set."""
    rates = np.array([1e-6, 1e-4, 1e-2, 1.0])
    temperatures = np.array([200, 250, 300, 350, 400])
    cases = {
        "3d": (("--parameter-set", "mg3d", "--nx", 12), ("--final-strain", 0.04), 6, temperatures),
        "2d": (("--parameter-set", "2d", "--nx", 40), ("--plane", "plane-stress", "--final-strain", 0.06), 6,
               temperatures[:4]),
    }
    found = {}
    fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.8))
    for name, (glass_options, run_options, seeds, kelvins) in cases.items():
        peaks = {}
        for seed in range(1, seeds + 1):
            glass = lab.glass(f"sensitivity-{name}-{seed}.catalog.h5", "--glass", "matrix", *glass_options, "--seed",
                              seed)
            for rate, kelvin in [(rate, 300) for rate in rates] + [(1e-4, kelvin) for kelvin in kelvins]:
                file = lab.deform(f"sensitivity-{name}-{seed}-{rate:g}-{kelvin}.h5", glass, "--seed", seed,
                                  "--strain-rate", rate, "--temperature", kelvin, "--record-strain", 5e-4, *run_options)
                peaks.setdefault((rate, int(kelvin)), []).append(peak_of(file))
        decade, decade_error, mean, error = line_with_error(np.log10(rates), [peaks[rate, 300] for rate in rates])
        axes[0].errorbar(rates, mean, error, fmt="o-", capsize=3, label=name.upper())
        kelvin, kelvin_error, mean, error = line_with_error(kelvins.astype(float), [peaks[1e-4, k] for k in kelvins])
        axes[1].errorbar(kelvins, mean, error, fmt="o-", capsize=3, label=name.upper())
        found[f"rate_{name}"] = f"{1e3 * decade:.0f} ± {1e3 * decade_error:.0f}"
        found[f"kelvin_{name}"] = f"{1e3 * kelvin:.2f} ± {1e3 * kelvin_error:.2f}"
    axes[0].set_xscale("log")
    axes[0].set_xlabel("strain rate (1/s)")
    axes[0].set_ylabel("peak stress (GPa)")
    axes[1].set_xlabel("temperature (K)")
    axes[0].legend()
    save(fig, figures / "deformation-sensitivities.png")
    return found


def tension(lab, figures):
    """The three glasses in 2-D and 3-D: stress, connected free volume, shear band."""
    inputs = pathlib.Path(__file__).resolve().parents[2] / "inputs"
    # In 3-D the defaults, not the stronger softening of the shipped test.
    cases = {"2d": (lambda glass: ("--config", inputs / "paper" / f"{glass}.cfg", "--nx", 96),
                    ("--config", inputs / "deform-2d.cfg")),
             "3d": (lambda glass: ("--config", inputs / "deform-3d-glass.cfg", "--glass", glass, "--nx", 16,
                                   "--barrier-mean", 3.45),
                    ("--config", inputs / "deform-3d.cfg", "--temporary-softening", 100, "--softening-cap", 0.8,
                     "--free-volume-threshold", 1))}
    found = {}
    fig, axes = plt.subplots(2, 3, figsize=(12, 7))
    for row, (name, (glass_options, test_options)) in enumerate(cases.items()):
        lines = []
        for glass in GLASSES:
            catalog = lab.glass(f"tension-{name}-{glass}.catalog.h5", *glass_options(glass))
            file = lab.deform(f"tension-{name}-{glass}.h5", catalog, *test_options)
            history = file["history"]
            strain = 100 * history["strain"][:]
            axes[row, 0].plot(strain, history["axial_stress"][:], label=glass)
            axes[row, 1].semilogy(strain, np.maximum(history["largest_cfv"][:], 1e-1), label=glass)
            outcome = file["outcome"].attrs
            dissipated = history["dissipated_work"][:]
            lines.append(f"| {name.upper()} | {glass} | {outcome['peak_stress_gpa']:.2f} | "
                         f"{100 * outcome['peak_strain']:.2f} | {outcome['flow_stress_gpa']:.2f} | "
                         f"{100 * outcome['percolation_strain']:.2f} | {outcome['events']} | "
                         f"{100 * dissipated.min() / history['external_work'][:].max():.1f} |")
            if glass == "x05":
                last = sorted(file["snapshots"])[-1]
                field = file[f"snapshots/{last}/von_mises_strain"][:]
                image = field[0] if field.shape[0] == 1 else field.mean(axis=1)
                shown = axes[row, 2].imshow(100 * image, origin="lower", cmap="inferno")
                fig.colorbar(shown, ax=axes[row, 2], label="von Mises plastic strain (%)")
                axes[row, 2].set_title("x05" if field.shape[0] == 1 else "x05, mean along y")
        axes[row, 0].set_ylabel(f"{name.upper()}: stress (GPa)")
        axes[row, 1].set_ylabel("largest connected free volume (nm³)")
        axes[row, 0].legend()
        for axis in axes[row, :2]:
            axis.set_xlabel("strain (%)")
        found[f"tension_{name}"] = "\n".join(lines)
    save(fig, figures / "deformation-tension.png")
    return found


def save(fig, path):
    fig.tight_layout()
    fig.savefig(path, dpi=110)
    plt.close(fig)


STUDIES = {"avalanches": avalanches, "sensitivities": sensitivities, "tension": tension}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the runs (some 200 MB)")
    parser.add_argument("--docs", type=pathlib.Path, required=True, help="docs folder: figures and the page go there")
    parser.add_argument("--engine", default="direct", help="engine of the runs")
    parser.add_argument("--only", choices=STUDIES, help="one study; its numbers are shown, the page is left alone")
    arguments = parser.parse_args()
    lab = Laboratory(arguments.bin.resolve(), arguments.work.resolve(), arguments.engine)
    figures = arguments.docs / "figures"
    figures.mkdir(exist_ok=True)
    found = {}
    for name, study in STUDIES.items():
        if arguments.only in (None, name):
            found.update(study(lab, figures))
    for name, value in found.items():
        print(f"{name}: {value}", flush=True)
    if arguments.only is None:
        template = pathlib.Path(__file__).with_name("verification-deformation.template.md").read_text()
        for name, value in found.items():
            template = template.replace("{" + name + "}", value)
        (arguments.docs / "verification-deformation.md").write_text(template)


if __name__ == "__main__":
    main()
