"""Strong and weak scaling of the analysis and the deformation over numbers of ranks: runs, table, plot."""

import csv
import json
import pathlib
import subprocess
import time

from .errors import LauncherError, WorkflowError
from .programs import environment, last_message
from .stage_run import display

SUBJECTS = ("analysis", "deformation")
KINDS = ("strong", "weak")
COLUMNS = ("subject", "kind", "ranks", "size", "wall_s", "work", "cost_s", "speedup", "efficiency")
# What one rank does in the weak study, and all ranks together in the strong one, at --size 1.
SCAN_ROWS, SCAN_COLUMNS = 16, 32
VOXELS_Y, VOXELS_X = 64, 64
FINAL_STRAIN = 0.045


class ScalingStudy:
    """`launcher` is the words before the number of ranks; `say` takes each line for the person who watches."""

    def __init__(self, programs, folder, inputs_folder, size, repeats, say):
        self.programs, self.folder, self.inputs, self.say = programs, pathlib.Path(folder), pathlib.Path(inputs_folder), say
        self.size, self.repeats = size, repeats
        self.rows = []

    def run(self, subjects, kinds, ranks):
        """Runs every combination; the rows of the table. Throws LauncherError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise WorkflowError(f"{self.folder}: cannot be made ({cause.strerror}): give another --output") from None
        for subject in subjects:
            for kind in kinds:
                measured = [self._measure(subject, kind, number) for number in ranks]
                first = measured[0]
                for row in measured:
                    # Cost is what one unit of work takes, times the ranks where each has its own share.
                    row["speedup"] = first["cost_s"] / row["cost_s"] * (1 if kind == "strong" else row["ranks"] / first["ranks"])
                    row["efficiency"] = row["speedup"] * first["ranks"] / row["ranks"]
                    self.rows.append(row)
                    self.say(f"{subject:<12} {kind:<7} {row['ranks']:>6} ranks  {row['size']:<22} {row['wall_s']:9.3f} s  "
                             f"speed-up {row['speedup']:6.2f}  efficiency {100 * row['efficiency']:5.1f} %")
        self._write()
        return self.rows

    def _measure(self, subject, kind, ranks):
        share = ranks if kind == "weak" else 1
        command, size, work_name = (self._analysis if subject == "analysis" else self._deformation)(share)
        times, work = [], 1.0
        for _ in range(self.repeats):
            output = self.folder / "run.h5"
            summary = self.folder / "run.json"
            words = self.programs.launch(command[0], ranks, [*command[1:], f"--output={output}", f"--summary={summary}",
                                                             "--overwrite", "--quiet"])
            start = time.monotonic()
            self._call(words)
            times.append(time.monotonic() - start)
            if work_name:
                work = float(json.loads(summary.read_text(encoding="utf-8"))["results"][work_name]["value"])
        best = min(times)
        # The analysis has as much work a rank as there are patterns; the deformation as many events as happened.
        return {"subject": subject, "kind": kind, "ranks": ranks, "size": size, "wall_s": best, "work": work,
                "cost_s": best / max(work, 1.0)}

    def _analysis(self, share):
        rows, columns = SCAN_ROWS * self.size * share, SCAN_COLUMNS
        scan = self.folder / f"scan-{rows}x{columns}.raw"
        if not scan.exists():
            self._call(self.programs.launch("mg-phantom", 1, [f"--config={self.inputs / 'phantom-x1.cfg'}",
                                                              f"--scan-shape={rows}x{columns}", f"--output={scan}", "--quiet"]))
        return ["mg-analyze", f"--input={scan}", "--gain=1", "--probe-fwhm=1"], f"{rows} x {columns} patterns", ""

    def _deformation(self, share):
        ny, nx = VOXELS_Y * share, VOXELS_X * self.size
        catalog = self.folder / f"catalog-{nx}x{ny}.h5"
        if not catalog.exists():
            self._call(self.programs.launch("mg-catalog", 1, ["--glass=x05", "--parameter-set=2d", f"--nx={nx}", f"--ny={ny}",
                                                              f"--output={catalog}", "--quiet"]))
        return ["mg-deform", f"--catalog={catalog}", "--plane=plane-stress", f"--final-strain={FINAL_STRAIN}",
                "--paraview=no"], f"{nx} x {ny} voxels", "events"

    def _call(self, words):
        result = subprocess.run(words, capture_output=True, text=True, check=False, env=environment(),
                                stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            raise LauncherError(f"{display(words)} failed ({last_message(result.stderr) or 'no words'}): mend the cause and "
                                "run again")

    def _write(self):
        table = self.folder / "scaling.csv"
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        self.say(f"table: {table}")
        plot = self.folder / "scaling.svg"
        if _draw(self.rows, plot):
            self.say(f"plot:  {plot}")
        else:
            self.say("plot:  none, since this Python has no matplotlib")


def _draw(rows, path):
    # The plot alone wants more than Python's own library: without it the table remains.
    try:
        import matplotlib
        matplotlib.use("svg")
        from matplotlib import pyplot
    except ImportError:
        return False
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for subject, kind in dict.fromkeys((row["subject"], row["kind"]) for row in rows):
        own = [row for row in rows if (row["subject"], row["kind"]) == (subject, kind)]
        ranks = [row["ranks"] for row in own]
        style = {"marker": "o" if kind == "strong" else "s", "linestyle": "-" if kind == "strong" else "--",
                 "label": f"{subject}, {kind}"}
        axes[0].plot(ranks, [row["speedup"] for row in own], **style)
        axes[1].plot(ranks, [100 * row["efficiency"] for row in own], **style)
    every = sorted({row["ranks"] for row in rows})
    axes[0].plot(every, [number / every[0] for number in every], color="grey", linewidth=0.8, label="ideal")
    axes[0].set(xscale="log", yscale="log", xlabel="ranks", ylabel="speed-up")
    axes[1].set(xscale="log", xlabel="ranks", ylabel="efficiency (%)", ylim=(0, None))
    for axis in axes:
        axis.set_xticks(every, [str(number) for number in every])
        axis.minorticks_off()
    axes[0].legend(frameon=False, fontsize="small")
    figure.savefig(path)
    pyplot.close(figure)
    return True
