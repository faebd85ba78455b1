"""The whole of mg-analyze on one scan: ms a pattern on one core, two ranks against one, and both against reading the
same bytes and doing nothing. From the page cache unless the scan is larger than memory.

    python3 diffraction_throughput.py SCAN.raw [--bin build/release/bin] [--options "--gain 1 --probe-fwhm 1"]
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("scan")
parser.add_argument("--bin", default="build/release/bin")
parser.add_argument("--options", default="--gain 1")
parser.add_argument("--rounds", type=int, default=3)
arguments = parser.parse_args()


def bare_read():
    start = time.perf_counter()
    with open(arguments.scan, "rb", buffering=0) as file:
        buffer = bytearray(1 << 23)
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


def run(ranks, cores):
    """(patterns, seconds of the pass over the patterns, seconds of the maps, share of it waiting for the disk)"""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(pathlib.Path(arguments.bin) / "mg-analyze"), arguments.scan, "--output", f"{folder}/out.h5"]
        command += shlex.split(arguments.options)
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), "--bind-to", "none", *command]
        text = subprocess.run(["taskset", "-c", cores, *command], check=True, capture_output=True, text=True)
    text = text.stdout + text.stderr
    found = re.search(r"(\d+) patterns in .*?, ([\d.]+) ms a pattern, .*?; ([\d.]+) % of the time waiting", text)
    maps = re.search(r"time in maps +([\d.]+)", text)
    patterns = int(found[1])
    return patterns, patterns * float(found[2]) / 1e3, float(maps[1]) if maps else 0.0, float(found[3])


os.environ.setdefault("OMP_NUM_THREADS", "1")
read = min(bare_read() for _ in range(arguments.rounds))
one = min((run(1, "0") for _ in range(arguments.rounds)), key=lambda result: result[1])
two = min((run(2, "0,1") for _ in range(arguments.rounds)), key=lambda result: result[1])
patterns = one[0]
print(f"{patterns} patterns; bare read {1e3 * read / patterns:.4f} ms a pattern")
for name, result in (("one rank on one core", one), ("two ranks on two cores", two)):
    print(f"{name}: {1e3 * result[1] / patterns:.4f} ms a pattern, maps {result[2]:.2f} s, "
          f"pass {result[1]:.2f} s, {result[3]:.1f} % waiting for the disk")
print(f"pass over bare read {one[1] / read:.2f}; two ranks {one[1] / two[1]:.2f} times one; maps over pass {one[2] / one[1]:.2f}")
