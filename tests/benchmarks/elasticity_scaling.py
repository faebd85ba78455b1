"""Solve time a degree of freedom against size and ranks, as a Markdown table, from elasticity_benchmarks.

usage: elasticity_scaling.py PATH_TO_elasticity_benchmarks [RANKS [FILTER]]
       ranks comma-separated, default 1,2; filter as --benchmark_filter, default all solves

Nanoseconds of rank 0's processor: on an idle machine the same as time passed.
"""

import json
import subprocess
import sys


def main():
    program = sys.argv[1]
    ranks = (sys.argv[2] if len(sys.argv) > 2 else "1,2").split(",")
    chosen = sys.argv[3] if len(sys.argv) > 3 else "_solve"
    figures = {}
    for count in ranks:
        result = subprocess.run(["mpirun", "-n", count, program, f"--benchmark_filter={chosen}", "--benchmark_format=json"],
                                check=True, capture_output=True, text=True)
        for run in json.loads(result.stdout[result.stdout.index("{"):])["benchmarks"]:
            name = run["name"].removesuffix("/iterations:1").removesuffix("/iterations:3")
            figures.setdefault(name, {})[count] = 1e9 * run["time_a_freedom"]
    print("| solve | " + " | ".join(f"ns, {count} ranks" for count in ranks) + " |")
    print("|---|" + "---|" * len(ranks))
    for name, by_ranks in figures.items():
        print(f"| {name} | " + " | ".join(f"{by_ranks[count]:.0f}" for count in ranks) + " |")


if __name__ == "__main__":
    main()
