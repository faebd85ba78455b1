"""docs/tutorial.md, run as it stands."""

import json
import os
import re
import subprocess
import unittest

from program_test import BIN, SOURCE, ProgramTest


class Tutorial(ProgramTest):
    def test_every_command_works_and_finds_what_was_planted(self):
        text = (SOURCE / "docs" / "tutorial.md").read_text()
        blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", text)
        self.assertGreaterEqual(len(blocks), 8)
        # Every program that the tutorial speaks of is in a command.
        for program in ("mg-phantom", "mg-analyze", "mg-catalog", "mg-deform", "mg-ensemble", "mg-report", "mesoglass run"):
            self.assertTrue(any(re.search(rf"(?m)^{program}\b", block) for block in blocks), program)
        environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")
        output = []
        for block in blocks:
            result = subprocess.run(["bash", "-e", "-u", "-o", "pipefail", "-c", block], cwd=self.folder, env=environment,
                                    capture_output=True, text=True, timeout=300, check=False)
            self.assertEqual(result.returncode, 0, f"{block}\n{result.stdout}\n{result.stderr}")
            output.append(result.stdout)
        self.assertFalse((self.folder / "large.raw").exists(), "a dry run wrote")
        results = {name: entry["value"] for name, entry in
                   json.loads((self.folder / "mro.json").read_text())["results"].items()}
        # The beam is planted in the middle of a 128 px detector and the rings are circles.
        self.assertAlmostEqual(results["pattern_centre_x"], 63.5, delta=0.1)
        self.assertAlmostEqual(results["ellipse_axis_ratio"], 1.0, delta=0.004)
        # The only planted type is at k = 4; finite domains and the halo's slope move its peak by up to 0.3.
        self.assertAlmostEqual(results["order_peak_k"], 4.0, delta=0.3)
        self.assertTrue((self.folder / "report" / "report.html").is_file())
        self.assertEqual(output[-1].count("skipped: complete"), 2)
        self.assertEqual(output[-1].rpartition("stage ")[2].count(" complete "), 2, output[-1])


if __name__ == "__main__":
    unittest.main()
