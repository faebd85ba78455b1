"""The contract that every program inherits from the core, tried on a probe program under real MPI."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program_test import BIN, MPIEXEC, ProgramTest


class ProgramContract(ProgramTest):
    def probe(self, *arguments, **settings):
        return self.run_program("core_probe", *arguments, **settings)

    def assert_one_message(self, result, exit_code, *mentions):
        shown = result.stdout + result.stderr
        self.assertEqual(result.returncode, exit_code, shown)
        self.assertEqual(result.stderr.count("core-probe: error: "), 1, shown)
        for text in mentions:
            self.assertIn(text, result.stderr)

    def test_texts_are_printed_once(self):
        for ranks in (1, 2, 3):
            for option, text in (("--help", "--temperature"), ("--version", "PETSc"), ("--manual", ".TH"),
                                 ("--dump-config", "temperature = 300")):
                result = self.probe(option, ranks=ranks)
                self.assertEqual(result.returncode, 0)
                self.assertEqual(result.stdout.count(text), 1, f"{option} on {ranks} ranks: {result.stdout}")

    def test_help_names_unit_range_and_default(self):
        help_text = self.probe("--help").stdout
        self.assertIn("K; 1 to 5000; default 300", help_text)

    def test_dumped_configuration_is_valid_input(self):
        (self.folder / "all.cfg").write_text(self.probe("--dump-config").stdout)
        self.run_ok("core_probe", "--config", "all.cfg", ranks=2)

    def test_command_line_wins_over_files_and_later_files_over_earlier(self):
        (self.folder / "a.cfg").write_text("steps = 20  # a comment\ntemperature = 310\n")
        (self.folder / "b.cfg").write_text("steps = 30\n")
        self.run_ok("core_probe", "--config", "a.cfg", "--config", "b.cfg", "--summary", "s.json")
        self.assertEqual(self.summary("s.json")["steps"], 30)
        self.run_ok("core_probe", "--config", "a.cfg", "--steps", "40", "--config", "b.cfg", "--summary", "s.json")
        self.assertEqual(self.summary("s.json")["steps"], 40)

    def test_a_bad_configuration_is_an_error_beside_dump_config_too(self):
        (self.folder / "bad.cfg").write_text("step = 20\n")
        for ranks in (1, 2):
            self.assert_one_message(self.probe("--dump-config", "--config", "absent.cfg", ranks=ranks), 2, "absent.cfg")
            self.assert_one_message(self.probe("--dump-config", "--config", "bad.cfg", ranks=ranks), 2, "bad.cfg", "'steps'")

    def on_a_terminal(self, *arguments):
        """Everything that the probe writes to a terminal as its stderr."""
        master, slave = pty.openpty()
        process = subprocess.Popen([str(BIN / "core_probe"), *arguments], cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # The other end is closed.
                part = b""
            if not part:
                break
            text += part
        os.close(master)
        self.assertEqual(process.wait(timeout=60), 0)
        return text.decode()

    def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(self):
        # Longer than the second below which nothing is left behind.
        steps = ("--how", "count", "--steps", "800")
        bars = re.findall(r"\rcounting \[(#*)(\.*)\] +(\d+) %  [0-9.e+]+ steps/s  ([^\r\n]*)", self.on_a_terminal(*steps))
        self.assertGreater(len(bars), 2)
        for filled, empty, percent, _ in bars:
            self.assertEqual(len(filled) + len(empty), 30)
            # Thirty places, rounded down (less than 1); per cent rounded to the nearest (0.3 * 0.5).
            self.assertAlmostEqual(len(filled), 0.3 * int(percent), delta=1.16)
        percents = [int(bar[2]) for bar in bars]
        self.assertEqual(percents, sorted(percents))
        self.assertIn("left", bars[0][3])
        self.assertIn("took", bars[-1][3])
        log = self.run_ok("core_probe", *steps).stderr
        self.assertNotIn("\r", log)
        self.assertRegex(log, r"counting: 100 % \(799 of 800 steps\), [0-9.e+]+ steps/s, took [0-9.]+ s")
        # Short work and quiet programs say nothing.
        for silent in (("--how", "count", "--steps", "5"), ("--quiet", *steps)):
            self.assertNotIn("counting", self.run_ok("core_probe", *silent).stderr)
            self.assertNotIn("counting", self.on_a_terminal(*silent))

    def test_bad_usage(self):
        (self.folder / "typo.cfg").write_text("temprature = 310\n")
        (self.folder / "junk.cfg").write_text("what is this\n")
        cases = [
            (["--temprature", "300"], ["temprature", "'temperature'"]),
            (["--config", "typo.cfg"], ["typo.cfg", "'temperature'"]),
            (["--config", "junk.cfg"], ["junk.cfg"]),
            (["--config", "absent.cfg"], ["absent.cfg"]),
            (["--temperature", "5001"], ["temperature", "5001", "1 to 5000", "K"]),
            (["--temperature", "nan"], ["nan"]),
            (["--temperature", "warm"], ["warm"]),
            (["--temperature"], ["temperature"]),
            (["--steps", "1.5"], ["1.5"]),
            (["--how", "wel"], ["'well'"]),
            (["stray"], ["stray"]),
            (["--steps", "1", "--steps", "2"], ["twice"]),
        ]
        for arguments, mentions in cases:
            for ranks in (1, 3):
                with self.subTest(arguments=arguments, ranks=ranks):
                    self.assert_one_message(self.probe(*arguments, ranks=ranks, timeout=30), 2, *mentions)

    def test_every_way_to_fail_ends_with_one_message(self):
        cases = [("together", 2), ("one-in-section", 2), ("one-alone", 2), ("all-alone", 2), ("memory", 1),
                 ("petsc", 1), ("inside-hdf5", 2)]
        for how, exit_code in cases:
            for ranks in (1, 2, 3):
                with self.subTest(how=how, ranks=ranks):
                    result = self.probe("--how", how, "--rank", 1, ranks=ranks, timeout=30)
                    self.assert_one_message(result, exit_code)
        self.assertFalse((self.folder / "probe.h5").exists())
        self.assertFalse((self.folder / "probe.h5.partial").exists())

    def test_a_full_disk_is_noticed_before_the_ranks_write(self):
        # A small file system of the test's own, where the kernel lets us mount one.
        disk = ["unshare", "--map-root-user", "--mount", "bash", "-c",
                'mount -t tmpfs -o size=2m none . && cd "$PWD" && "$@"; code=$?; ls -A; exit $code', "bash"]
        if subprocess.run([*disk, "true"], cwd=self.folder, capture_output=True).returncode != 0:
            self.skipTest("no permission to mount a small file system")
        # The mapped root must not want the session folder of the machine's own root.
        session = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, session, ignore_errors=True)
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                command = [*disk, MPIEXEC, "-n", str(ranks), str(BIN / "core_probe"), "--how", "large-file"]
                result = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=30,
                                        env=os.environ | {"OMPI_MCA_orte_tmpdir_base": session})
                self.assert_one_message(result, 1, "large.h5.partial", "no room")
                self.assertEqual(result.stdout, "")  # nothing is left on the disk

    def test_dry_run_tells_the_plan_and_writes_nothing(self):
        result = self.run_ok("core_probe", "--dry-run", "--summary", "s.json", ranks=2)
        self.assertEqual(result.stdout.count("plan: 10 steps on 2 ranks"), 1)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_summary_has_units(self):
        self.run_ok("core_probe", "--summary", "s.json", "--quiet")
        entry = json.loads((self.folder / "s.json").read_text())["results"]["steps"]
        self.assertEqual((entry["value"], entry["unit"]), (10, "1"))

    def test_log_file_is_json_lines(self):
        self.run_ok("core_probe", "--log-json", "log.jsonl", ranks=2)
        lines = [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]
        self.assertTrue(any("10 steps on 2 ranks" in line["text"] for line in lines))

    def start_counting(self, ranks, *arguments, how="count"):
        program = [str(BIN / "core_probe"), "--how", how, "--steps", "100000", *arguments]
        command = program if ranks == 1 else [MPIEXEC, "-n", str(ranks), *program]
        process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        # All ranks have started when the plan is told; MPI's libraries may have remarks of their own before.
        for line in process.stderr:
            if "steps on" in line:
                break
        time.sleep(0.5)
        return process

    def test_signals_ask_for_checkpoints(self):
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                process = self.start_counting(ranks)
                process.send_signal(signal.SIGUSR1)
                time.sleep(1.0)
                process.send_signal(signal.SIGUSR2)
                _, errors = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 75, errors)
                self.assertIn("checkpoint at step", errors)
                self.assertEqual(errors.count("--resume"), 1, errors)

    def test_a_program_without_checkpoints_stops_with_the_same_exit_code(self):
        for ranks in (1, 2, 3):
            with self.subTest(ranks=ranks):
                process = self.start_counting(ranks, how="sleep")
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.5)
                self.assertIsNone(process.poll())
                process.send_signal(signal.SIGUSR2)
                _, errors = process.communicate(timeout=20)
                self.assertEqual(process.returncode, 75, errors)
                self.assertEqual(errors.count("run the same command again"), 1, errors)

    def test_wall_limit_and_stop_file(self):
        result = self.probe("--how", "count", "--steps", "100000", "--wall-limit", "1", ranks=2, timeout=30)
        self.assertEqual(result.returncode, 75)
        process = self.start_counting(2, "--stop-file", "stop")
        (self.folder / "stop").touch()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 75)


if __name__ == "__main__":
    os.umask(0o022)
    unittest.main()
