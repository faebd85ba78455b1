"""The whole of mg-analyze on one scan: ms a pattern on one core, two ranks against one, and both against reading the
same bytes and doing nothing. From the page cache unless the scan is larger than memory. On a busy machine only the processor
times mean anything.

    python3 diffraction_throughput.py SCAN.raw [--bin build/release/bin] [--options "--gain 1 --probe-fwhm 1"]
"""

import argparse
import os
import pathlib
import re
import resource
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


def processor_seconds(usage):
    return usage.ru_utime + usage.ru_stime


def bare_read():
    """(seconds on the clock, of processor time)"""
    start, before = time.perf_counter(), processor_seconds(resource.getrusage(resource.RUSAGE_SELF))
    with open(arguments.scan, "rb", buffering=0) as file:
        buffer = bytearray(1 << 23)
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start, processor_seconds(resource.getrusage(resource.RUSAGE_SELF)) - before


def run(ranks, cores):
    """patterns and ms a pattern: the pass on the clock and of processor time, the maps on the clock and of processor
    time; and the share of the pass that waits for the disk"""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(pathlib.Path(arguments.bin) / "mg-analyze"), arguments.scan, "--output", f"{folder}/out.h5"]
        command += shlex.split(arguments.options)
        if ranks > 1:
            command = ["mpirun", "-n", str(ranks), "--bind-to", "none", *command]
        text = subprocess.run(["taskset", "-c", cores, *command], check=True, capture_output=True, text=True)
    text = text.stdout + text.stderr
    found = re.search(r"(\d+) patterns in .*?, ([\d.]+) ms a pattern \(([\d.]+) of processor time\), .*?; ([\d.]+) % of the "
                      r"time waiting for the disk; ([\d.]+) ms of processor time a pattern for the maps", text)
    maps = re.search(r"time in maps +(?:(\d+) min )?([\d.]+) s", text)
    patterns = int(found[1])
    maps_seconds = 60 * int(maps[1] or 0) + float(maps[2]) if maps else 0.0
    return {"patterns": patterns, "pass": float(found[2]), "pass_cpu": float(found[3]), "waiting": float(found[4]),
            "maps": 1e3 * maps_seconds / patterns, "maps_cpu": float(found[5])}


os.environ.setdefault("OMP_NUM_THREADS", "1")
read = min(bare_read() for _ in range(arguments.rounds))
one = min((run(1, "0") for _ in range(arguments.rounds)), key=lambda result: result["pass_cpu"])
two = min((run(2, "0,1") for _ in range(arguments.rounds)), key=lambda result: result["pass"])
patterns = one["patterns"]
print(f"{patterns} patterns, ms a pattern on the clock (of processor time): "
      f"bare read {1e3 * read[0] / patterns:.4f} ({1e3 * read[1] / patterns:.4f})")
for name, result in (("one rank on one core", one), ("two ranks on two cores", two)):
    print(f"{name}: pass {result['pass']:.4f} ({result['pass_cpu']:.4f}), maps {result['maps']:.4f} "
          f"({result['maps_cpu']:.4f}), {result['waiting']:.1f} % of the pass waiting for the disk")
print(f"one rank's pass over the bare read {one['pass'] * patterns / 1e3 / read[0]:.2f} "
      f"({one['pass_cpu'] * patterns / 1e3 / read[1]:.2f}); two ranks {one['pass'] / two['pass']:.2f} times one; "
      f"maps over pass {one['maps'] / one['pass']:.2f} ({one['maps_cpu'] / one['pass_cpu']:.2f})")
