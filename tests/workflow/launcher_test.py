"""`mesoglass run` and `status` on stand-in programs: order, skipping, resuming, failing, hostile names."""

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

# Copies its inputs' content into its output, and behaves as told: fail, sleep (until the file "go" is there or a
# SIGUSR2 asks it to stop with 75), write a log of its starts.
STAND_IN = '''#!{python}
import json, os, pathlib, signal, sys, time
given = {{}}
for word in sys.argv[1:]:
    name, _, value = word[2:].partition("=")
    given.setdefault(name, []).append(value)
with open("starts", "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
output = pathlib.Path(given["output"][0])
if "say" in given and given["say"][0].startswith("refuse"):
    print("mg-copy: error: bad value: mend it", file=sys.stderr)
    sys.exit(2)
if "dry-run" in given:
    sys.exit(0)
if output.exists() and "overwrite" not in given:
    sys.exit(0 if "resume" in given else 2)
stopped = []
signal.signal(signal.SIGUSR2, lambda *_: stopped.append(1))
while "wait-for" in given and not pathlib.Path(given["wait-for"][0]).exists():
    time.sleep(0.02)
    if stopped:
        sys.exit(75)
text = "".join(pathlib.Path(name).read_text() for name in given.get("input", [])) + "".join(given.get("say", []))
if "forget" not in given:
    output.write_text(text)
'''


class Launcher(ProgramTest):
    def setUp(self):
        super().setUp()
        # The launcher finds programs beside itself.
        (self.folder / "bin").mkdir()
        shutil.copy(BIN / "mesoglass", self.folder / "bin")
        program = self.folder / "bin" / "mg-copy"
        program.write_text(STAND_IN.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def workflow(self, text, name="w.workflow"):
        (self.folder / name).write_text(text)
        return name

    def launch(self, *words, exit_code=0):
        result = subprocess.run([str(self.folder / "bin" / "mesoglass"), *words], cwd=self.folder, capture_output=True,
                                text=True, timeout=120, check=False)
        self.assertEqual(result.returncode, exit_code, f"{words}\n{result.stdout}\n{result.stderr}")
        return result

    def starts(self):
        path = self.folder / "results" / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    CHAIN = '''
title = "three letters"
folder = "results"
[lists]
letter = ["a", "b"]
[[stage]]
name = "all"
program = "mg-copy"
outputs = ["all.txt"]
[stage.options]
input = ["{each letter}.txt"]
output = "all.txt"
[[stage]]
name = "make-{letter}"
for = "letter"
program = "mg-copy"
inputs = ["{here}/source-{letter}.txt"]
outputs = ["{letter}.txt"]
[stage.options]
input = "{here}/source-{letter}.txt"
output = "{letter}.txt"
say = "-{letter};"
'''

    def chain(self):
        for letter in "ab":
            (self.folder / f"source-{letter}.txt").write_text(letter.upper())
        return self.workflow(self.CHAIN)

    def test_runs_in_order_then_skips_by_content_and_not_by_time(self):
        name = self.chain()
        self.launch("run", name)
        self.assertEqual((self.folder / "results" / "all.txt").read_text(), "A-a;B-b;")
        self.assertEqual(len(self.starts()), 3)
        result = self.launch("run", name, "--local", "--resume")
        self.assertEqual(result.stdout.count("skipped: complete"), 3)
        self.assertEqual(len(self.starts()), 3)
        # A new time with the old content changes nothing; new content with the old time runs what depends on it.
        source = self.folder / "source-a.txt"
        os.utime(source, (1, 1))
        self.launch("run", name)
        self.assertEqual(len(self.starts()), 3)
        source.write_text("C")
        os.utime(source, (1, 1))
        result = self.launch("run", name)
        self.assertEqual(result.stdout.count("skipped: complete"), 1)
        self.assertEqual((self.folder / "results" / "all.txt").read_text(), "C-a;B-b;")
        # So does a changed option, and an output that somebody touched or removed.
        (self.folder / name).write_text(self.CHAIN.replace('say = "-{letter};"', 'say = "+{letter};"'))
        self.launch("run", name)
        self.assertEqual((self.folder / "results" / "all.txt").read_text(), "C+a;B+b;")
        count = len(self.starts())
        (self.folder / "results" / "all.txt").write_text("edited")
        self.launch("run", name)
        self.assertEqual((self.folder / "results" / "all.txt").read_text(), "C+a;B+b;")
        (self.folder / "results" / "all.txt").unlink()
        self.assertIn("out of date", self.launch("status", name).stdout)
        self.launch("run", name)
        self.assertEqual(len(self.starts()), count + 2)
        self.assertEqual(self.launch("status", name).stdout.count(" complete"), 3)
        self.launch("run", name, "--restart")
        self.assertEqual(len(self.starts()), count + 5)

    def test_dry_run_shows_commands_and_writes_nothing(self):
        name = self.chain()
        result = self.launch("run", name, "--dry-run", "--folder", "other")
        self.assertIn("--output=all.txt", result.stdout)
        self.assertIn("after make-a, make-b", result.stdout)
        self.assertFalse((self.folder / "other").exists())
        # A stage that needs no other judges its options.
        (self.folder / name).write_text(self.CHAIN.replace('say = "-{letter};"', 'say = "refuse"'))
        self.assertIn("bad value", self.launch("run", name, "--dry-run", "--folder", "other", exit_code=2).stderr)

    def test_a_failing_stage_stops_only_what_needs_it_and_is_named(self):
        name = self.chain()
        (self.folder / name).write_text(self.CHAIN.replace('say = "-{letter};"', 'say = "refuse"').replace(
            'letter = ["a", "b"]', 'letter = ["a"]') + '''
[[stage]]
name = "free"
program = "mg-copy"
outputs = ["free.txt"]
[stage.options]
say = "x"
output = "free.txt"
''')
        result = self.launch("run", name, exit_code=1)
        self.assertRegex(result.stdout, r"make-a +failed: mg-copy: error: bad value: mend it \(log: .*make-a.log\)")
        self.assertRegex(result.stdout, r"all +not started: waits for make-a")
        self.assertRegex(result.stdout, r"free +done")
        self.assertEqual(result.stderr.count("mesoglass: error: "), 1)
        self.assertIn("make-a", result.stderr)
        self.assertRegex(self.launch("status", name).stdout, r"make-a +failed.*bad value")
        # Once mended, only what failed and what waited for it runs.
        (self.folder / name).write_text((self.folder / name).read_text().replace('"refuse"', '"good"'))
        result = self.launch("run", name)
        self.assertRegex(result.stdout, r"free +skipped: complete")
        self.assertRegex(result.stdout, r"make-a +done")

    WAITING = '''
folder = "results"
[[stage]]
name = "slow"
program = "mg-copy"
outputs = ["slow.txt"]
[stage.options]
output = "slow.txt"
say = "x"
wait-for = "go"
'''

    def start(self, name):
        process = subprocess.Popen([str(self.folder / "bin" / "mesoglass"), "run", name], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 60
        while not self.starts() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        return process

    def test_an_interrupt_becomes_a_checkpoint_and_the_next_run_resumes(self):
        name = self.workflow(self.WAITING)
        process = self.start(name)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, output)
        self.assertIn("stopped at a checkpoint", self.launch("status", name).stdout)
        (self.folder / "results" / "go").touch()
        self.assertIn("continuing", self.launch("run", name).stdout)
        self.assertIn("--resume", self.starts()[-1])
        self.assertIn("--overwrite", self.starts()[0])

    def test_a_killed_launcher_leaves_no_two_runs_on_one_stage(self):
        name = self.workflow(self.WAITING)
        process = self.start(name)
        process.kill()
        process.communicate(timeout=60)
        # The program that it started still runs and keeps the stage.
        result = self.launch("run", name, exit_code=2)
        self.assertIn("is being run", result.stderr)
        (self.folder / "results" / "go").touch()
        deadline = time.monotonic() + 60
        while not (self.folder / "results" / "slow.txt").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        self.assertIn("continuing", self.launch("run", name).stdout)
        self.assertRegex(self.launch("status", name).stdout, r"slow +complete")

    def test_an_output_that_is_not_written_is_a_failure(self):
        name = self.workflow(self.WAITING.replace('wait-for = "go"', "forget = true"))
        result = self.launch("run", name, exit_code=1)
        self.assertIn("did not write slow.txt", result.stdout)

    def test_files_of_others_are_not_touched(self):
        name = self.chain()
        (self.folder / "results").mkdir()
        (self.folder / "results" / "a.txt").write_text("mine")
        result = self.launch("run", name, exit_code=2)
        self.assertIn("this workflow did not write it", result.stderr)
        self.assertEqual((self.folder / "results" / "a.txt").read_text(), "mine")

    def test_nothing_is_evaluated(self):
        hostile = "$(touch x) `touch x`; touch x & 'q' \"q\" * {here\ntouch x\n"
        folder = self.folder / "a b$(touch x);'q'"
        folder.mkdir()
        (folder / "in put.txt").write_text("content ")
        (folder / "h.workflow").write_text('folder = "res ults"\n[[stage]]\nname = "one"\nprogram = "mg-copy"\n'
                                           'outputs = ["o $(touch x).txt"]\n[stage.options]\n'
                                           'input = "{here}/in put.txt"\noutput = "o $(touch x).txt"\n'
                                           f"say = '''{hostile}'''\n")
        subprocess.run([str(self.folder / "bin" / "mesoglass"), "run", "h.workflow", "--commands"], cwd=folder, check=True,
                       capture_output=True, timeout=60)
        self.assertEqual((folder / "res ults" / "o $(touch x).txt").read_text(), "content " + hostile)
        self.assertEqual([path for path in self.folder.rglob("x")], [])

    def test_workflow_files_are_judged_with_the_nearest_name(self):
        (self.folder / "source-a.txt").write_text("")
        good = self.CHAIN
        cases = (
            (good.replace('title =', 'titel ='), ["'titel'", "'title'"]),
            (good.replace('outputs = ["all.txt"]', 'output = ["all.txt"]'), ["'output'", "'outputs'"]),
            (good.replace('for = "letter"', 'for = "leter"'), ["'leter'", "'letter'"]),
            (good.replace("{each letter}", "{each lettr}"), ["lettr", "'letter'"]),
            (good.replace('say = "-{letter};"', 'say = "{leter}"'), ["{leter}", "'letter'"]),
            (good.replace("mg-copy", "mg-cpoy"), ["mg-cpoy", "'mg-copy'"]),
            (good.replace("mg-copy", "rm"), ["'rm'"]),
            (good.replace('name = "make-{letter}"', 'name = "make"'), ["two stages are named 'make'"]),
            (good.replace('name = "all"', 'name = "../all"'), ["'../all'"]),
            (good.replace('outputs = ["all.txt"]', 'outputs = ["../all.txt"]'), ["leaves the results folder"]),
            (good.replace('outputs = ["all.txt"]', 'outputs = ["/all.txt"]'), ["leaves the results folder"]),
            (good.replace('name = "all"', 'name = "all"\nafter = ["make-c"]'), ["'make-c'", "perhaps 'make-"]),
            (good.replace('name = "make-{letter}"', 'name = "make-{letter}"\nafter = "all"'), ["wait for each other"]),
            (good.replace('name = "all"', 'name = "all"\nranks = 0'), ["ranks = 0", "1 to"]),
            (good.replace('say = "-{letter};"', 'overwrite = true'), ["launcher's own"]),
            (good.replace('say = "-{letter};"', '"--say" = 1'), ["'--say'"]),
            (good.replace('say = "-{letter};"', 'say = {a = 1}'), ["say"]),
            (good.replace("{here}/source-{letter}.txt\"]", "{here}/none.txt\"]"), ["none.txt", "not there"]),
            ("stage = 3", ["no stage"]), ("", ["no stage"]), ("[[stage]\n", ["TOML"]),
        )
        for number, (text, mentions) in enumerate(cases):
            with self.subTest(number=number, mentions=mentions):
                name = self.workflow(text, f"{number}.workflow")
                result = self.launch("run", name, "--folder", f"out-{number}", exit_code=2)
                self.assertEqual(result.stderr.count("mesoglass: error: "), 1, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                for mention in mentions:
                    self.assertIn(mention, result.stderr)
        (self.folder / "bytes.workflow").write_bytes(b"title = \xff\xfe")
        for words, mention in ((["run", "none.workflow"], "none.workflow"), (["run", "bytes.workflow"], "TOML"),
                               (["run", "."], "cannot be read"), (["run"], "FILE.workflow"), ([], "no command"),
                               (["rnu"], "'run'"), (["run", "x", "--foldr", "y"], "'--folder'"),
                               (["run", "0.workflow", "--cores", "0"], "--cores = 0")):
            with self.subTest(words=words):
                self.assertIn(mention, self.launch(*words, exit_code=2).stderr)
        self.workflow(good.replace("inputs", "#"), "g.workflow")
        self.assertIn("cannot be written", self.launch("run", "g.workflow", "--folder", "g.workflow/x", exit_code=2).stderr)

    def test_a_damaged_state_is_named_and_nothing_is_guessed(self):
        name = self.chain()
        (self.folder / "source-b.txt").write_text("B")
        self.launch("run", name)
        state = self.folder / "results" / ".mesoglass" / "all.state.json"
        for content, mention in (("{", "cannot be read"), ("[]", "cannot be read"),
                                 ('{"version": 99, "stage": "all"}', "newer")):
            state.write_text(content)
            result = self.launch("run", name, exit_code=2)
            self.assertIn(mention, result.stderr)
            self.assertIn("all.state.json", result.stderr)


if __name__ == "__main__":
    unittest.main()
