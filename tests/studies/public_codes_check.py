"""Angular power c_n of one stack of patterns by mg-analyze, py4DSTEM and LiberTEM.

The public codes are the user's own installation (python3 -m venv codes; codes/bin/pip install py4DSTEM libertem);
whichever is there is compared, and the exit code is 1 where one differs by more than 2 % or none is there:

    MESOGLASS_BIN=build/bin codes/bin/python tests/studies/public_codes_check.py [--folder FOLDER]

The stack: 12 x 12 patterns of 128 x 128 pixels, counted, a ring with a four-fold wave of amplitude 0.3 (c_4 = 0.0225) and
a six-fold one of 0.2 (c_6 = 0.01), phases drawn at random. The public codes do not remove counting noise, so what
mg-analyze removed is added again.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np

SIDE = 128
SCAN = 12
CENTRE = (63.3, 64.2)  # x, y
RING = 40.0            # px
WAVES = {4: 0.3, 6: 0.2}
FIRST, LAST = 34, 46   # px compared: where the ring is bright
ANGLES = 126
ALLOWED = 0.02


def make_stack(path):
    random = np.random.default_rng(7)
    y, x = np.mgrid[:SIDE, :SIDE]
    r, phi = np.hypot(x - CENTRE[0], y - CENTRE[1]), np.arctan2(y - CENTRE[1], x - CENTRE[0])
    ring = 2000.0 * np.exp(-0.5 * ((r - RING) / 6.0) ** 2) + 60.0
    stack = np.empty((SCAN, SCAN, SIDE, SIDE), "<f4")
    for place in np.ndindex(SCAN, SCAN):
        wave = 1.0 + sum(a * np.cos(n * (phi - random.uniform(0, 2 * np.pi))) for n, a in WAVES.items())
        stack[place] = random.poisson(ring * wave * (r > 9) + 4e5 * (r < 5))
    np.save(path, stack)
    return stack


def by_mesoglass(folder):
    """(n, radius) -> c_n with its counting noise, radii in pixels."""
    program = pathlib.Path(os.environ.get("MESOGLASS_BIN", "")) / "mg-analyze"
    subprocess.run([program, "stack.npy", "--output", "mro.h5", "--overwrite", "--quiet", "--gain", "1", "--k-min",
                    str(FIRST), "--k-max", str(LAST), "--no-ring-fit", "--centre", f"{CENTRE[0]},{CENTRE[1]}",
                    "--transmittance-min", "0"], cwd=folder, check=True)
    with h5py.File(folder / "mro.h5") as file:
        area = file["mro/area_000"]
        radii = area["power/dim1"][()]
        return {n: dict(zip(radii, area["power/data"][n] + area["noise_bias/data"][n])) for n in WAVES}


def by_py4dstem(stack):
    import py4DSTEM
    cube = py4DSTEM.DataCube(data=stack)
    cube.calibration.set_Q_pixel_size(1.0)
    cube.calibration.set_Q_pixel_units("pixels")
    # py4DSTEM's first axis of a pattern is our y.
    cube.calibration.set_origin((np.full((SCAN, SCAN), CENTRE[1]), np.full((SCAN, SCAN), CENTRE[0])))
    polar = py4DSTEM.PolarDatacube(cube, qmin=FIRST, qmax=LAST + 1, qstep=1.0, n_annular=ANGLES)
    power = polar.calculate_annular_symmetry(max_symmetry=max(WAVES), return_symmetry_map=True,
                                             progress_bar=False).mean(axis=(0, 1))
    return {n: dict(zip(polar.qq, power[n - 1])) for n in WAVES}


def by_libertem(path):
    import libertem.api
    # One process: nothing to start, and the same bits.
    with libertem.api.Context.make_with("inline") as context:
        data = context.load("npy", path=str(path), sig_dims=2)
        bins = LAST - FIRST + 1
        analysis = context.create_radial_fourier_analysis(
            dataset=data, cx=CENTRE[0], cy=CENTRE[1], ri=FIRST - 0.5, ro=LAST + 0.5, n_bins=bins, max_order=max(WAVES))
        power = np.abs(context.run(analysis).raw_results) ** 2  # (bin, n, scan_y, scan_x)
    c = (power / power[:, :1]).mean(axis=(2, 3))
    return {n: {float(FIRST + i): c[i, n] for i in range(bins)} for n in WAVES}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, help="keep the stack and mro.h5 here")
    folder = parser.parse_args().folder or pathlib.Path(tempfile.mkdtemp())
    stack = make_stack(folder / "stack.npy")
    own = by_mesoglass(folder)
    others = {}
    for name, work in (("py4DSTEM", lambda: by_py4dstem(stack)), ("LiberTEM", lambda: by_libertem(folder / "stack.npy"))):
        try:
            others[name] = work()
        except ImportError as missing:
            print(f"{name} is not here ({missing})")
    good = bool(others)
    for n, amplitude in WAVES.items():
        mean = np.mean(list(own[n].values()))
        print(f"c_{n}: planted {amplitude ** 2 / 4:.5f}, mean over {FIRST} to {LAST} px: mesoglass {mean:.5f}")
        for name, found in others.items():
            ratio = np.array([found[n][radius] / value for radius, value in own[n].items() if radius in found[n]])
            theirs = np.mean(list(found[n].values()))
            worst = abs(ratio - 1).max() if ratio.size else np.nan
            print(f"  {name:9} {theirs:.5f}, over mesoglass {theirs / mean:.4f}, single radii within {100 * worst:.2f} %")
            good = good and abs(theirs / mean - 1) < ALLOWED
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
