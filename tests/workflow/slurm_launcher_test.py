"""`mesoglass run --slurm`, `status`, `cancel` and `scaling` on stand-ins for Slurm and the programs; tests/slurm has the
real one."""

import csv
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

from program_test import BIN, ProgramTest

# Waits for the file "go" where told; a SIGUSR2 stops it with 75, after a checkpoint where told.
PROGRAM = '''#!{python}
import json, pathlib, signal, sys, time
given = {{}}
for word in sys.argv[1:]:
    name, _, value = word[2:].partition("=")
    given[name] = value
output = pathlib.Path(given["output"])
checkpoint = output.with_suffix(".checkpoint")
def stop(*_):
    if "checkpoint" in given:
        checkpoint.write_text(checkpoint.read_text() + "x" if checkpoint.exists() else "x")
    sys.exit(75)
signal.signal(signal.SIGUSR2, stop)
pathlib.Path("started").touch()
while "wait-for" in given and not pathlib.Path(given["wait-for"]).exists():
    time.sleep(0.02)
if "fail" in given:
    sys.exit("mg-copy: error: bad value: mend it")
output.write_text("done")
if "summary" in given:
    pathlib.Path(given["summary"]).write_text(json.dumps({{"results": {{"events": {{"value": 50}}}}}}))
'''
# Each keeps its words; answers come from files.
SLURM = {
    "sbatch": 'import pathlib\nlog = here / "submitted.json"\njobs = json.loads(log.read_text()) if log.exists() else []\n'
              'jobs.append([sys.argv[1:], sys.stdin.read()])\nlog.write_text(json.dumps(jobs))\nprint(100 + len(jobs))\n',
    "squeue": 'print((here / "queue").read_text() if (here / "queue").exists() else "", end="")\n',
    "sacct": 'if not (here / "accounts").exists():\n    sys.exit("Slurm accounting storage is disabled")\n'
             'print((here / "accounts").read_text(), end="")\n',
    "scancel": '(here / "cancelled").write_text(json.dumps(sys.argv[1:]))\n',
    "scontrol": 'with open(here / "requeued", "a") as log:\n    log.write(" ".join(sys.argv[1:]) + "\\n")\n',
}
SITE = """
[slurm]
partition = "standard"
account = "my-project"
time = "01:00:00"
memory-per-core = "2G"
cores-per-node = 4
signal-seconds = 90
array-throttle = 2
extra-options = ["--exclusive"]
[launch]
launcher = "mpirun"
modules = ["openmpi/4.1"]
[environment]
HOSTILE = '''$(touch evaluated) ' " \\'''
[programs.mg-copy]
time = "2-00:00:00"
"""
CHAIN = """
folder = "results"
[[stage]]
name = "first"
program = "mg-copy"
ranks = 6
outputs = ["first.txt"]
[stage.options]
output = "first.txt"
[[stage]]
name = "many"
program = "mg-ensemble"
slices = 5
time = "00:10:00"
outputs = ["many.txt"]
[stage.options]
action = ["run", "first.txt"]
output = "many.txt"
[[stage]]
name = "last"
program = "mg-report"
outputs = ["last.txt"]
[stage.options]
input = "many.txt"
output = "last.txt"
"""
WAITING = """
folder = "results"
[[stage]]
name = "slow"
program = "mg-copy"
outputs = ["slow.txt"]
[stage.options]
output = "slow.txt"
wait-for = "go"
checkpoint = true
"""


class SlurmLauncher(ProgramTest):
    def setUp(self):
        super().setUp()
        (self.folder / "bin").mkdir()
        shutil.copy(BIN / "mesoglass", self.folder / "bin")
        for name in ("mg-copy", "mg-ensemble", "mg-report", "mg-analyze", "mg-phantom", "mg-catalog", "mg-deform"):
            self.script(name, PROGRAM.format(python=sys.executable))
        for name, text in SLURM.items():
            self.script(name, f"#!{sys.executable}\nimport json, pathlib, sys\nhere = pathlib.Path({str(self.folder)!r})\n"
                              f"{text}")
        (self.folder / "site.toml").write_text(SITE)
        self.environment = os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        self.environment.pop("SLURM_JOB_ID", None)

    def script(self, name, text):
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def launch(self, *words, exit_code=0, **environment):
        result = subprocess.run([str(self.folder / "bin" / "mesoglass"), *words], cwd=self.folder, capture_output=True,
                                text=True, timeout=120, check=False, env=self.environment | environment)
        self.assertEqual(result.returncode, exit_code, f"{words}\n{result.stdout}\n{result.stderr}")
        return result.stdout + result.stderr

    def submitted(self):
        path = self.folder / "submitted.json"
        return json.loads(path.read_text()) if path.exists() else []

    def submit(self, text, *words, **settings):
        (self.folder / "w.workflow").write_text(text)
        return self.launch("run", "w.workflow", "--slurm", "--site", "site.toml", *words, **settings)

    def queue(self, *rows):
        (self.folder / "queue").write_text("".join(row + "\n" for row in rows))

    def test_each_stage_is_a_job_that_waits_for_what_it_needs(self):
        self.submit(CHAIN)
        (first, first_script), (many, many_script), (collect, collect_script), (last, last_script) = self.submitted()
        results = self.folder / "results"
        self.assertEqual(first[:3], ["--parsable", f"--chdir={results}", f"--output={results}/.mesoglass/logs/first.job"])
        self.assertEqual([words[3:] for words in (first, many, collect, last)],
                         [[], ["--dependency=afterok:101"], ["--dependency=afterany:102"], ["--dependency=afterok:103"]])
        for line in ("--ntasks=6", "--nodes=2", "--time=2-00:00:00", "--partition=standard", "--account=my-project",
                     "--mem-per-cpu=2G", "--exclusive", "--requeue", "--open-mode=append", "--kill-on-invalid-dep=yes",
                     "--signal=B:USR2@90"):
            self.assertIn(f"\n#SBATCH {line}\n", first_script)
        self.assertIn("\n#SBATCH --array=0-4%2\n", many_script)
        self.assertIn("\n#SBATCH --time=00:10:00\n", many_script)
        for script in (collect_script, last_script):
            self.assertNotIn("--array", script)
            self.assertIn("\n#SBATCH --ntasks=1\n", script)
        for script in (first_script, many_script, collect_script, last_script):
            self.assertIn("\nmodule load openmpi/4.1\n", script)
            self.assertNotIn("{{", script)
            # All that a shell reads: the variable arrives as it was written, and nothing is run on the way.
            shown = subprocess.run(["bash"], input=script.replace("exec ", "printenv HOSTILE; : "), cwd=self.folder, text=True,
                                   capture_output=True, check=False, env=self.environment)
            self.assertEqual(shown.stdout, "$(touch evaluated) ' \" \\\n")
        self.assertEqual(list(self.folder.rglob("evaluated")), [])
        # What waits or runs is not submitted again; what has vanished is.
        self.queue("101|101|RUNNING|None|1:00", "102|102_0|PENDING|Dependency|0:00", "103|103|PENDING|Dependency|0:00",
                   "104|104|PENDING|Dependency|0:00")
        self.assertIn("nothing to submit", self.submit(CHAIN))
        self.queue("101|101|COMPLETED|None|1:00", "103|103|PENDING|Dependency|0:00")
        self.submit(CHAIN)
        self.assertEqual([words[3:] for words, _ in self.submitted()[4:]], [[], ["--dependency=afterok:103"]])
        # With other options it is an error, before anything is submitted.
        self.assertIn("is still in the queue", self.submit(CHAIN.replace("slices = 5", "slices = 6"), exit_code=2))
        self.assertEqual(len(self.submitted()), 6)

    def test_dry_run_shows_scripts_and_submits_nothing(self):
        said = self.submit(CHAIN, "--dry-run")
        self.assertEqual(said.count("#!/bin/bash"), 4)
        self.assertIn("--dependency=afterok:JOB-OF-first", said)
        self.assertIn("--array=0-4%2", said)
        self.assertEqual(self.submitted(), [])
        self.assertFalse((self.folder / "results").exists())

    def test_site_settings_are_judged(self):
        for old, new, mention in (('partition =', 'partitoin =', "'partition'"), ('"mpirun"', '"mpirum"', "'mpirun'"),
                                  ('"standard"', '"a b"', "plain word"), ('"standard"', '"a\\nb"', "plain word"),
                                  ('"--exclusive"', '"exclusive"', "no option of sbatch"),
                                  ('"--exclusive"', '"--wrap=$(x)"', "plain word"), ('"01:00:00"', '"soon"', "wall time"),
                                  ("signal-seconds = 90", "signal-seconds = 0", "1 to 65535"),
                                  ('"openmpi/4.1"', '"openmpi; touch x"', "plain word"),
                                  ("HOSTILE", '"A B"', "no variable"), ("[slurm]", "[slrum]", "'slurm'")):
            with self.subTest(new=new):
                (self.folder / "site.toml").write_text(SITE.replace(old, new, 1))
                message = self.submit(CHAIN, exit_code=2)
                self.assertIn(mention, message)
                self.assertIn("site.toml", message)
        self.assertIn("cannot be read", self.launch("run", "w.workflow", "--slurm", "--site", "none.toml", exit_code=2))
        self.assertIn("--launcher is for --local", self.launch("run", "w.workflow", "--slurm", "--launcher", "x", exit_code=2))
        (self.folder / "site.toml").write_text(SITE)
        self.assertIn("backslash", self.submit(CHAIN, "--folder", "a\\b", exit_code=2))
        self.assertEqual(self.submitted(), [])

    def test_status_takes_the_queue_then_the_accounting_then_its_own_word(self):
        self.submit(WAITING + CHAIN.replace('folder = "results"', ""))
        self.queue("101|101|RUNNING|None|2:00", "102|102|PENDING|Priority|0:00")
        status = self.launch("status", "w.workflow")
        self.assertRegex(status, r"slow +running +101 +RUNNING +2:00")
        self.assertRegex(status, r"first +waiting +102 +PENDING .*Priority")
        # Killed by Slurm while its stage was at work: no word of its own.
        state = self.folder / "results/.mesoglass/slow.state.json"
        state.write_text(json.dumps({"version": 1, "stage": "slow", "state": "running"}))
        self.queue()
        self.assertRegex(self.launch("status", "w.workflow"), r"slow +failed +101 .*without a word: run again")
        (self.folder / "accounts").write_text("101|TIMEOUT|01:00:00\n101.batch|CANCELLED|01:00:00\n102|CANCELLED by 1000|00:00\n")
        status = self.launch("status", "w.workflow")
        self.assertRegex(status, r"slow +failed +101 +TIMEOUT .*without a word \(TIMEOUT\)")
        self.assertRegex(status, r"first +not started +102 +CANCELLED")

    def test_cancel_ends_what_lives(self):
        self.submit(CHAIN)
        self.queue("101|101|COMPLETED|None|1:00", "102|102_0|RUNNING|None|1:00", "103|103|PENDING|Dependency|0:00")
        self.launch("cancel", "w.workflow")
        self.assertEqual(json.loads((self.folder / "cancelled").read_text()), ["102", "103"])

    def job(self, name, number=7, **environment):
        (self.folder / "results/started").unlink(missing_ok=True)
        process = subprocess.Popen([str(self.folder / "bin/mesoglass"), "job", "results", "slow"], cwd=self.folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=self.environment | {"SLURM_JOB_ID": "101"} | environment)
        deadline = time.monotonic() + 60
        while not (self.folder / "results/started").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        return process

    def requeued(self):
        path = self.folder / "requeued"
        return path.read_text().splitlines() if path.exists() else []

    def stop_and_expect_requeue(self, count, **environment):
        process = self.job("slow", signal.SIGUSR2, **environment)
        deadline = time.monotonic() + 60
        while len(self.requeued()) < count and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(len(self.requeued()), count, process.communicate()[0] if process.poll() is not None else "")
        # Slurm would end it now.
        process.kill()
        process.communicate()

    def test_a_warned_job_goes_back_into_the_queue_while_it_gets_on(self):
        self.submit(WAITING)
        self.stop_and_expect_requeue(1)
        self.assertEqual(self.requeued(), ["requeue 101"])
        self.stop_and_expect_requeue(2, SLURM_RESTART_COUNT="1")
        # Cancelled by a person: it stays out.
        process = self.job("slow", signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.assertEqual(len(self.requeued()), 2)
        (self.folder / "results/go").touch()
        self.launch("job", "results", "slow", SLURM_JOB_ID="101")
        self.assertRegex(self.launch("status", "w.workflow"), r"slow +complete")

    def test_a_job_that_gets_nowhere_is_given_up(self):
        self.submit(WAITING.replace("checkpoint = true", ""))
        # The first start in vain may be Slurm's early warning.
        self.stop_and_expect_requeue(1)
        process = self.job("slow", signal.SIGUSR2, SLURM_RESTART_COUNT="1")
        output = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 1, output)
        self.assertEqual(len(self.requeued()), 1)
        self.assertRegex(self.launch("status", "w.workflow"), r"slow +failed .*2 times in a row without")
        # And restarts have an end even where each gets on.
        (self.folder / "site.toml").write_text(SITE.replace("array-throttle", "restarts = 3\narray-throttle"))
        self.submit(WAITING)
        process = self.job("slow", signal.SIGUSR2, SLURM_RESTART_COUNT="3")
        self.assertIn("after 3 restarts", process.communicate(timeout=60)[0])

    def test_scaling_writes_a_table_of_what_it_measured(self):
        self.script("fake-mpirun", f"#!{sys.executable}\nimport os, sys\nos.execv(sys.argv[2], sys.argv[2:])\n")
        said = self.launch("scaling", "--ranks", "1,2", "--repeats", "1", "--output", "a b", "--launcher", "fake-mpirun")
        with open(self.folder / "a b/scaling.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["subject"], row["kind"], row["ranks"]) for row in rows],
                         [(subject, kind, ranks) for subject in ("analysis", "deformation") for kind in ("strong", "weak")
                          for ranks in ("1", "2")])
        for first, second in zip(rows[::2], rows[1::2]):
            self.assertEqual((float(first["speedup"]), float(first["efficiency"])), (1.0, 1.0))
            ratio = float(first["cost_s"]) / float(second["cost_s"])
            expected = ratio if first["kind"] == "strong" else 2 * ratio
            self.assertAlmostEqual(float(second["speedup"]), expected)
            self.assertAlmostEqual(float(second["efficiency"]), expected / 2)
            self.assertEqual(float(second["work"]), 1 if first["subject"] == "analysis" else 50)
            self.assertEqual(first["size"] == second["size"], first["kind"] == "strong")
        self.assertIn("scaling.csv", said)
        self.assertIn("1,2,4", self.launch("scaling", "--ranks", "0", exit_code=2))
        self.assertIn("'analysis'", self.launch("scaling", "--of", "analisis", exit_code=2))
        self.launch("scaling", "--slurm", "--site", "site.toml", "--ranks", "2,12", "--output", "c $(touch evaluated)")
        (words, script), = self.submitted()
        self.assertIn("#SBATCH --nodes=3\n", script)
        self.assertIn(f"--chdir={self.folder}/c $(touch evaluated)", words)
        self.assertEqual(list(self.folder.rglob("evaluated")), [])


if __name__ == "__main__":
    unittest.main()
