"""What every mg-* program promises (docs/running.md), tried on each of them and on 1, 2 and 3 ranks."""

import json
import pathlib
import re
import signal
import subprocess
import time
import unittest

import h5py
import numpy
from program_test import BIN, MPIEXEC, ProgramTest

# Smallest useful runs. OUT is replaced by the output; the inputs named after it are made by the programs before.
PHANTOM = ["--scan-shape", "12x12", "--scan-step", "0.4", "--dose", "200000", "--type",
           "name=a,k=4.0,fold=6,diameter=1.2,spread=0.1,fraction=0.2,order=1.0"]
RUNS = {
    "mg-phantom": [*PHANTOM, "--output", "OUT.raw"],
    "mg-analyze": ["scan.raw", "--output", "OUT"],
    "mg-catalog": ["--glass", "x05", "--parameter-set", "2d", "--nx", "16", "--domain-diameter", "1.4", "--output", "OUT"],
    "mg-elastic": None,
    "mg-deform": ["catalog.h5", "--final-strain", "0.03", "--output", "OUT"],
    "mg-ensemble": None,
}
# The option that takes the input file, and the file.
INPUT = {"mg-analyze": "scan.raw", "mg-deform": "catalog.h5"}
RANKS = (1, 2, 3)


def programs():
    """Every MPI program of this build."""
    return sorted(path.name for path in BIN.glob("mg-*") if path.name != "mg-report")


class EveryProgram(ProgramTest):
    def each(self):
        found = programs()
        self.assertGreaterEqual(len(found), 6)
        return found

    def test_help_names_every_option_with_default_and_range(self):
        for program in self.each():
            with self.subTest(program=program):
                text = self.run_ok(program, "--help").stdout
                self.assertTrue(text.startswith(f"{program} - "), text[:200])
                for option in ("help", "version", "config", "dump-config", "dry-run", "summary", "overwrite", "resume", "quiet",
                               "log-json"):
                    self.assertRegex(text, rf"(?m)^  --{option}\b")
                # Each option has a text, and the options with numbers show a default or a range somewhere.
                self.assertNotRegex(text, r"(?m)^  --[a-z-]+[^\n]*\n(  --|\n)")

    def test_version_names_revision_and_libraries(self):
        for program in self.each():
            with self.subTest(program=program):
                text = self.run_ok(program, "--version").stdout
                self.assertRegex(text, rf"{program} \d+\.\d+\.\d+")
                for library in ("Open MPI|MPICH", "PETSc", "HDF5"):
                    self.assertRegex(text, library)

    def test_dumped_configuration_is_a_configuration(self):
        for program in self.each():
            with self.subTest(program=program):
                first = self.run_ok(program, "--dump-config").stdout
                (self.folder / "dumped.cfg").write_text(first)
                again = self.run_ok(program, "--config", "dumped.cfg", "--dump-config").stdout
                self.assertEqual(first, again)
                # A value in it is judged like one on the command line.
                (self.folder / "bad.cfg").write_text(first + "\nno-such-option-here = 1\n")
                self.assert_refused(program, "--config", "bad.cfg", mentions=["no-such-option-here", "bad.cfg"])

    def test_wrong_usage_is_one_message_on_any_number_of_ranks(self):
        for program in self.each():
            with self.subTest(program=program):
                for ranks in RANKS:
                    self.assert_refused(program, "--overwrit", ranks=ranks, mentions=["overwrit", "'overwrite'"])
                self.assert_refused(program, "--quiet=perhaps", mentions=["--quiet", "perhaps", "true"])
                self.assert_refused(program, "--config", "none.cfg", ranks=2, mentions=["none.cfg"])
                self.assert_refused(program, "--summary", mentions=["--summary", "needs a value"])

    def test_numbers_out_of_range_are_refused_with_the_range(self):
        for program in self.each():
            with self.subTest(program=program):
                ranged = re.search(r"(?m)^  --([a-z-]+) (?:NUMBER|INTEGER)\n(?: {6}.*\n)*? {6}\[.*?([-\d.e+]+) to ([-\d.e+]+)",
                                   self.run_ok(program, "--help").stdout)
                self.assertIsNotNone(ranged)
                option, lowest, highest = ranged.groups()
                for value in (f"{float(highest) * 2 + 1:.0f}", "nan", "many", ""):
                    self.assert_refused(program, f"--{option}={value}", mentions=[f"--{option}"])
                self.assert_refused(program, f"--{option}={float(highest) * 2 + 1:.0f}", ranks=3, mentions=[lowest, "to"])


class RealRuns(ProgramTest):
    """The contracts that need inputs: made once for each test by the programs themselves."""

    def setUp(self):
        super().setUp()
        self.here = programs()
        if "mg-catalog" in self.here:
            self.run_ok("mg-catalog", *self.words("mg-catalog", "catalog.h5"), "--quiet")

    def words(self, program, output):
        return [word.replace("OUT", output) for word in RUNS[program]]

    def make_scan(self):
        self.run_ok("mg-phantom", *self.words("mg-phantom", "scan"), "--quiet")

    def runnable(self):
        if "mg-analyze" in self.here:
            self.make_scan()
        return [program for program in self.here if RUNS.get(program)]

    def test_dry_run_tells_the_plan_and_writes_nothing(self):
        for program in self.runnable():
            with self.subTest(program=program):
                before = sorted(self.folder.rglob("*"))
                result = self.run_ok(program, *self.words(program, "planned"), "--dry-run", ranks=2)
                self.assertEqual(sorted(self.folder.rglob("*")), before)
                self.assertRegex(result.stdout + result.stderr, r"(?i)memory|a rank")

    def test_existing_output_is_kept_unless_told(self):
        for program in self.runnable():
            with self.subTest(program=program):
                words = self.words(program, "kept.h5")
                written = pathlib.Path(words[-1])
                (self.folder / written).write_text("dear")
                for ranks in RANKS:
                    self.assert_refused(program, *words, ranks=ranks, mentions=[written.name, "--overwrite"])
                self.assertEqual((self.folder / written).read_text(), "dear")
                self.run_ok(program, *words, "--overwrite", "--quiet")
                self.assertNotEqual((self.folder / written).read_bytes()[:4], b"dear")
                self.assertEqual([path for path in self.folder.rglob("*.partial")], [])
                # A complete output under --resume is nothing to do.
                stamp = (self.folder / written).stat().st_mtime_ns
                self.run_ok(program, *words, "--resume")
                self.assertEqual((self.folder / written).stat().st_mtime_ns, stamp)

    def test_folders_that_cannot_be_written(self):
        (self.folder / "file").write_text("a regular file")
        for program in self.runnable():
            with self.subTest(program=program):
                for place in ("file/out.h5", "none/out.h5", "/proc/out.h5"):
                    self.assert_refused(program, *self.words(program, place), ranks=2, mentions=[place])

    def test_missing_and_damaged_inputs(self):
        for program in self.runnable():
            with self.subTest(program=program):
                if program not in INPUT:
                    continue
                name = INPUT[program]
                whole = (self.folder / name).read_bytes()
                damaged = {"none.h5": None, "empty.h5": b"", "text.h5": b"this is no result\n" * 9,
                           "cut.h5": whole[:len(whole) * 2 // 3], "head.h5": whole[:100]}
                for other, content in damaged.items():
                    if content is not None:
                        (self.folder / other).write_bytes(content)
                    words = [other if word == name else word for word in self.words(program, "result.h5")]
                    for ranks in (RANKS if other in ("none.h5", "cut.h5") else (1,)):
                        self.assert_refused(program, *words, ranks=ranks, mentions=[other])
                    self.assertFalse((self.folder / "result.h5").exists())
                self.assert_refused(program, *[str(self.folder) if word == name else word
                                               for word in self.words(program, "result.h5")], ranks=2)

    def test_newer_files_are_refused(self):
        with h5py.File(self.folder / "catalog.h5", "r+") as file:
            file.attrs["format_version"] = numpy.array([2, 0])
        self.assert_refused("mg-deform", *self.words("mg-deform", "out.h5"), ranks=2, mentions=["catalog.h5", "2.0"])

    def test_summary_and_provenance(self):
        for program in self.runnable():
            with self.subTest(program=program):
                words = self.words(program, "made.h5")
                self.run_ok(program, *words, "--summary", "summary.json", "--quiet", "--overwrite", ranks=2)
                content = json.loads((self.folder / "summary.json").read_text())
                self.assertEqual(content["program"], program)
                self.assertGreaterEqual(len(content["results"]), 1)
                for entry in content["results"].values():
                    self.assertEqual(set(entry), {"value", "unit", "text"})
                written = self.folder / ("made.h5.truth.h5" if program == "mg-phantom" else "made.h5")
                with h5py.File(written) as file:
                    provenance = {**file["provenance"].attrs, **{name: file["provenance"][name][()] for name in
                                                                 file["provenance"]}}
                    for name in ("program", "version", "git_revision", "command_line", "configuration", "ranks"):
                        self.assertIn(name, provenance)
                    bare = []
                    file.visititems(lambda name, item, bare=bare: bare.append(name) if isinstance(item, h5py.Dataset)
                                    and not {"units", "description"} <= set(item.attrs)
                                    and not name.startswith(("provenance", "VTKHDF")) and "metadata" not in name else None)
                    self.assertEqual(bare, [])

    def contents(self, name):
        """path -> bytes of every dataset outside provenance."""
        found = {}

        def visit(path, item):
            if isinstance(item, h5py.Dataset) and not path.startswith("provenance"):
                found[path] = (item.shape, item[()].tobytes() if item.dtype.kind != "O" else str(item[()]))
        with h5py.File(self.folder / name) as file:
            file.visititems(visit)
        return found

    def test_catalog_and_deformation_are_the_same_bits_on_any_number_of_ranks(self):
        for ranks in RANKS:
            self.run_ok("mg-catalog", *self.words("mg-catalog", f"catalog-{ranks}.h5"), "--quiet", ranks=ranks)
            self.run_ok("mg-deform", *self.words("mg-deform", f"deform-{ranks}.h5"), "--quiet", ranks=ranks)
        for kind in ("catalog", "deform"):
            one = self.contents(f"{kind}-1.h5")
            self.assertGreater(len(one), 10)
            for ranks in RANKS[1:]:
                other = self.contents(f"{kind}-{ranks}.h5")
                self.assertEqual(one.keys(), other.keys())
                for path, content in one.items():
                    self.assertEqual(content, other[path], f"{kind} {path} on {ranks} ranks")

    @unittest.skipUnless("mg-analyze" in programs(), "mg-analyze is not built")
    def test_phantom_is_the_same_bytes_and_analysis_the_same_numbers_on_any_number_of_ranks(self):
        for ranks in RANKS:
            self.run_ok("mg-phantom", *self.words("mg-phantom", f"scan-{ranks}"), "--quiet", ranks=ranks)
            self.run_ok("mg-analyze", f"scan-{1}.raw", "--output", f"mro-{ranks}.h5", "--quiet", ranks=ranks)
        for ranks in RANKS[1:]:
            self.assertEqual((self.folder / "scan-1.raw").read_bytes(), (self.folder / f"scan-{ranks}.raw").read_bytes())
        with h5py.File(self.folder / "mro-1.h5") as one:
            for ranks in RANKS[1:]:
                with h5py.File(self.folder / f"mro-{ranks}.h5") as other:
                    def compare(path, item, other=other, ranks=ranks):
                        if isinstance(item, h5py.Dataset) and not path.startswith("provenance") and item.dtype.kind == "f":
                            expected = item[()]
                            scale = numpy.nanmax(numpy.abs(expected)) if numpy.size(expected) else 0
                            numpy.testing.assert_allclose(other[path][()], expected, rtol=1e-6,
                                                          atol=1e-6 * (scale if numpy.isfinite(scale) else 0),
                                                          err_msg=f"{path} on {ranks} ranks")
                    one.visititems(compare)

    def test_a_deformation_stopped_by_a_signal_resumes_to_the_same_bits(self):
        self.run_ok("mg-catalog", "--glass", "x05", "--parameter-set", "2d", "--nx", "128", "--output", "larger.h5",
                    "--quiet")
        words = ["larger.h5", "--final-strain", "0.06"]
        self.run_ok("mg-deform", *words, "--output", "straight.h5", "--quiet", ranks=2)
        stops = 0
        for attempt in range(4):
            log = self.folder / f"log-{attempt}"
            with open(log, "wb") as stream:
                process = subprocess.Popen([MPIEXEC, "-n", "2", str(BIN / "mg-deform"), *words, "--output", "broken.h5",
                                            *(["--resume"] if attempt else [])], cwd=self.folder, stdout=stream,
                                           stderr=subprocess.STDOUT)
            # The start-up check is told just before the handlers are set; seconds of work lie ahead.
            while "energy pumping" not in log.read_text() and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.3)
            if attempt < 3:
                process.send_signal(signal.SIGUSR2)
            code = process.wait(timeout=120)
            if code == 0:
                break
            self.assertEqual(code, 75, log.read_text())
            self.assertFalse((self.folder / "broken.h5").exists())
            stops += 1
        self.assertGreaterEqual(stops, 1, "no signal found the run at work")
        self.assertEqual(code, 0, log.read_text())
        straight, broken = self.contents("straight.h5"), self.contents("broken.h5")
        self.assertEqual(straight.keys(), broken.keys())
        for path, content in straight.items():
            self.assertEqual(content, broken[path], path)


if __name__ == "__main__":
    unittest.main()
