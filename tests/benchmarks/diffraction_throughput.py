"""The whole of mg-analyze on one scan: ms a pattern on one core, two ranks against one, and both against reading the
same bytes and doing nothing. From the page cache unless the scan is larger than memory. Rounds of all three take turns, so
that a machine whose speed changes serves them alike; medians and least values are printed. On a busy machine only the
processor times mean anything.

    python3 diffraction_throughput.py SCAN.raw [--bin build/release/bin] [--options "--gain 1 --probe-fwhm 1"]
"""

import argparse
import os
import pathlib
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("scan")
parser.add_argument("--bin", default="build/release/bin")
parser.add_argument("--options", default="--gain 1")
parser.add_argument("--rounds", type=int, default=5)
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


def run(ranks):
    """Every rank on a core of its own. Returns patterns and ms a pattern: the pass on the clock and of processor time, the maps on the clock and of processor
    time; and the share of the pass that waits for the disk"""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(pathlib.Path(arguments.bin) / "mg-analyze"), arguments.scan, "--output", f"{folder}/out.h5"]
        command += shlex.split(arguments.options)
        bound = ["mpirun", "-n", str(ranks), "--bind-to", "core"] if ranks > 1 else ["taskset", "-c", "0"]
        done = subprocess.run([*bound, *command], capture_output=True, text=True)
    text = done.stdout + done.stderr
    if done.returncode != 0:
        sys.exit(f"{shlex.join([*bound, *command])} failed:\n{text}")
    found = re.search(r"(\d+) patterns in .*?, ([\d.]+) ms a pattern \(([\d.]+) of processor time\), .*?; ([\d.]+) % of the "
                      r"time waiting for the disk; ([\d.]+) ms of processor time a pattern for the maps", text)
    maps = re.search(r"time in maps +(?:(\d+) min )?([\d.]+) s", text)
    patterns = int(found[1])
    maps_seconds = 60 * int(maps[1] or 0) + float(maps[2]) if maps else 0.0
    return {"patterns": patterns, "pass": float(found[2]), "pass_cpu": float(found[3]), "waiting": float(found[4]),
            "maps": 1e3 * maps_seconds / patterns, "maps_cpu": float(found[5])}


os.environ.setdefault("OMP_NUM_THREADS", "1")
reads, ones, twos = [], [], []
for _ in range(arguments.rounds):
    reads.append(bare_read())
    ones.append(run(1))
    twos.append(run(2))
patterns = ones[0]["patterns"]
for name, choose in (("median", statistics.median), ("least", min)):
    read = [1e3 * choose(each[part] for each in reads) / patterns for part in (0, 1)]
    one, two = ({key: choose(result[key] for result in results) for key in ones[0]} for results in (ones, twos))
    print(f"{name} of {arguments.rounds} rounds, {patterns} patterns, ms a pattern on the clock (of processor time): "
          f"bare read {read[0]:.4f} ({read[1]:.4f})")
    for ranks, result in (("one rank on one core", one), ("two ranks on two cores", two)):
        print(f"  {ranks}: pass {result['pass']:.4f} ({result['pass_cpu']:.4f}), maps {result['maps']:.4f} "
              f"({result['maps_cpu']:.4f}), {result['waiting']:.1f} % of the pass waiting for the disk")
    print(f"  one rank's pass over the bare read {one['pass'] / read[0]:.2f}; two ranks' pass {one['pass'] / two['pass']:.2f}, "
          f"maps {one['maps'] / two['maps']:.2f} times as fast as one's; maps over pass {one['maps'] / one['pass']:.2f}, "
          f"on two ranks {two['maps'] / two['pass']:.2f}")
