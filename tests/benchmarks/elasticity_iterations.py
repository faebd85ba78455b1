"""Iterations, seconds and memory of mg-elastic against mesh size and contrast, as a Markdown table.

usage: elasticity_iterations.py PATH_TO_mg-elastic [SIZES [RANKS]]     (sizes comma-separated, default 16,32,64)

Every voxel draws its own Young's modulus: uniform within +-50 % of 88.6 GPa, or log-uniform over a factor 100.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np


def write_input(path, size, contrast):
    uniform = np.random.default_rng(1).random((size, size, size))
    with h5py.File(path, "w") as file:
        if contrast == "+-50 %":
            file["young_modulus"] = 88.6 * (0.5 + uniform)
        else:
            file["young_modulus"] = 88.6 * 100.0 ** (uniform - 0.5)
        file.create_group("grid").attrs["voxel_size_nm"] = [1.5, 1.5, 1.5]


def main():
    program = sys.argv[1]
    sizes = [int(size) for size in (sys.argv[2] if len(sys.argv) > 2 else "16,32,64").split(",")]
    ranks = sys.argv[3] if len(sys.argv) > 3 else "1"
    print("| voxels | contrast | solver | iterations | seconds | GB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for size in sizes:
            for contrast in ("+-50 %", "100"):
                write_input(folder / "input.h5", size, contrast)
                for solver in ("fft", "petsc"):
                    subprocess.run(
                        ["mpirun", "-n", ranks, program, str(folder / "input.h5"), "--poisson-ratio", "0.371",
                         "--mean-strain", "xx=0.01", "--solver", solver, "--output", str(folder / "output.h5"),
                         "--overwrite", "--quiet", "--summary", str(folder / "summary.json")],
                        check=True, stdout=subprocess.DEVNULL)
                    results = json.loads((folder / "summary.json").read_text())["results"]
                    value = {name: entry["value"] for name, entry in results.items()}
                    print(f"| {size}^3 | {contrast} | {solver} | {value['iterations']} | {value['solve_seconds']:.2f} "
                          f"| {value['peak_memory_gb']:.2f} |", flush=True)


main()
