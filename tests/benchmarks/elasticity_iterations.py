"""Iterations, processor seconds and memory of mg-elastic against mesh size and contrast, as a Markdown table.

Seconds are those of all ranks for the whole program: waiting ranks count, other load on the machine does not.

usage: elasticity_iterations.py PATH_TO_mg-elastic [SIZES [RANKS [MEDIA [SOLVERS]]]]
       all lists comma-separated; default 16,32,64 on one rank, all media named below, fft,petsc

    mild     every voxel draws its own Young's modulus, uniform within +-50 % of 88.6 GPa
    random   every voxel draws its own, log-uniform over a factor 100: a larger mesh is a larger sample
    stiff    the same twelve spheres at every size, 100 times as stiff as the matrix
    soft     the same spheres, 100 times softer
    voids    the same spheres, in turn empty and 1000 times as stiff
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile

import h5py
import numpy as np

MEDIA = ("mild", "random", "stiff", "soft", "voids")
SPHERES = 12
RADIUS = 0.12  # of the cell's edge


def sphere_centres():
    """Places in the unit cell at which no two periodic spheres touch."""
    random = np.random.default_rng(5)
    centres = []
    while len(centres) < SPHERES:
        centre = random.random(3)
        apart = [np.minimum(abs(centre - other), 1.0 - abs(centre - other)) for other in centres]
        if all(np.linalg.norm(distance) > 2.0 * RADIUS for distance in apart):
            centres.append(centre)
    return centres


def young_modulus(medium, size):
    uniform = np.random.default_rng(1).random((size, size, size))
    if medium == "mild":
        return 88.6 * (0.5 + uniform)
    if medium == "random":
        return 88.6 * 100.0 ** (uniform - 0.5)
    modulus = np.full((size, size, size), 10.0)
    position = (np.arange(size) + 0.5) / size
    for index, centre in enumerate(sphere_centres()):
        x, y, z = (np.minimum(abs(position - c), 1.0 - abs(position - c)) ** 2 for c in centre)
        inside = z[:, None, None] + y[None, :, None] + x[None, None, :] < RADIUS**2
        modulus[inside] = {"stiff": 1000.0, "soft": 0.1, "voids": (0.0, 1e4)[index % 2]}[medium]
    return modulus


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    program = sys.argv[1]
    sizes = [int(size) for size in (sys.argv[2] if len(sys.argv) > 2 else "16,32,64").split(",")]
    ranks = sys.argv[3] if len(sys.argv) > 3 else "1"
    media = sys.argv[4].split(",") if len(sys.argv) > 4 else MEDIA
    solvers = sys.argv[5].split(",") if len(sys.argv) > 5 else ("fft", "petsc")
    print("| medium | voxels | solver | iterations | CPU seconds | GB |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for medium in media:
            for size in sizes:
                with h5py.File(folder / "input.h5", "w") as file:
                    file["young_modulus"] = young_modulus(medium, size)
                    file.create_group("grid").attrs["voxel_size_nm"] = [1.5, 1.5, 1.5]
                for solver in solvers:
                    before = cpu_seconds()
                    subprocess.run(
                        ["mpirun", "-n", ranks, program, str(folder / "input.h5"), "--poisson-ratio", "0.371",
                         "--mean-strain", "xx=0.01", "--solver", solver, "--output", str(folder / "output.h5"),
                         "--iterations", "2000", "--overwrite", "--quiet", "--summary", str(folder / "summary.json")],
                        check=True, stdout=subprocess.DEVNULL)
                    results = json.loads((folder / "summary.json").read_text())["results"]
                    value = {name: entry["value"] for name, entry in results.items()}
                    print(f"| {medium} | {size}^3 | {solver} | {value['iterations']} | {cpu_seconds() - before:.2f} "
                          f"| {value['peak_memory_gb']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
