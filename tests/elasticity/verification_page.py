"""Puts the figures that the elasticity tests print into docs/verification-elasticity.md, as tables and drawings.

usage: verification_page.py BUILD_FOLDER            rewrites the page's tables and docs/figures/elasticity-*.svg
       verification_page.py BUILD_FOLDER --check    only compares: exit code 1 where the page is not what the tests say

The page's text is written by hand; between "<!-- table NAME -->" and "<!-- end -->" stand the rows that the tests print
as "verification NAME: | ... |".
"""

import os
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "verification-elasticity.md"
FIGURES = PAGE.parent / "figures"
TESTS = ("test_elasticity-verification", "test_elasticity-heterogeneous")
# Only the tests that print rows: the others say nothing to the page.
FILTER = "Eshelby.*:FarField.*:TraceIdentity.*:Laminate.*:PatchTest.*:ElementMatrices.*:TwoPhase*:Gripped*:Grids/*"


def tables_of(build):
    """name -> rows, as the tests print them."""
    tables = {}
    for test in TESTS:
        result = subprocess.run([str(build / "bin" / test), f"--gtest_filter={FILTER}"], capture_output=True, text=True,
                                env={**os.environ, "OMP_NUM_THREADS": "1"})
        if result.returncode != 0:
            sys.exit(f"{test} fails: the page is left alone\n{result.stdout}\n{result.stderr}")
        for name, row in re.findall(r"^verification (\S+): (\|.*\|)$", result.stdout, re.MULTILINE):
            tables.setdefault(name, []).append(row)
    return tables


def filled(page, tables):
    """The page with every table's rows replaced; its heading lines stay."""
    used = set()

    def replace(match):
        name = match.group(1)
        if name not in tables:
            sys.exit(f"no test prints a row of the page's table {name}")
        used.add(name)
        heading = "\n".join(match.group(2).splitlines()[:2])
        return f"<!-- table {name} -->\n{heading}\n" + "\n".join(tables[name]) + "\n<!-- end -->"

    text = re.sub(r"<!-- table (\S+) -->\n(.*?)<!-- end -->", replace, page, flags=re.DOTALL)
    if used != set(tables):
        sys.exit(f"the page has no table for {', '.join(sorted(set(tables) - used))}")
    return text


def cells(tables, name, first):
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in tables[name]]
    return [row for row in rows if row[0] == first]


def draw(tables):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "elasticity"  # the same file from the same figures
    import matplotlib.pyplot as plt

    FIGURES.mkdir(exist_ok=True)

    def save(figure, name):
        figure.savefig(FIGURES / name, metadata={"Date": None}, bbox_inches="tight")
        plt.close(figure)

    figure, axes = plt.subplots(figsize=(5, 3.6))
    for shape, marker in (("sphere", "o"), ("cylinder", "s")):
        rows = cells(tables, "inclusions", shape)
        radius = [float(row[1]) for row in rows]
        for column, style, what in ((3, "-", "shear"), (5, "--", "dilatation")):
            axes.loglog(radius, [abs(float(row[column])) for row in rows], style, marker=marker, label=f"{shape}, {what}")
    axes.loglog([2, 32], [0.3, 0.3 / 16], ":", color="grey", label="first order")
    axes.set(xlabel="radius (voxels)", ylabel="error of the interior strain")
    axes.legend(fontsize=8)
    save(figure, "elasticity-inclusions.svg")

    figure, axes = plt.subplots(figsize=(5, 3.6))
    for shape, marker in (("plane", "s"), ("space", "o")):
        rows = cells(tables, "far-field", shape)
        axes.loglog([float(row[1]) for row in rows], [float(row[2]) for row in rows], marker=marker, label=f"in {shape}")
    axes.loglog([2, 8], [0.3, 0.3 / 16], ":", color="grey", label="second order")
    axes.set(xlabel="distance from the voxel (voxels)", ylabel="deviation from the quadrupole")
    axes.legend(fontsize=8)
    save(figure, "elasticity-far-field.svg")


def main():
    build = pathlib.Path(sys.argv[1])
    tables = tables_of(build)
    page = PAGE.read_text()
    text = filled(page, tables)
    if sys.argv[2:] == ["--check"]:
        if text != page:
            changed = [line for line in text.splitlines() if line not in page.splitlines()]
            sys.exit("docs/verification-elasticity.md is not what the tests print; run verification_page.py. New lines:\n" +
                     "\n".join(changed))
        return
    PAGE.write_text(text)
    draw(tables)


if __name__ == "__main__":
    main()
