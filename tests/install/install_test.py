"""An installed mesoglass runs from where it is, and other projects find its libraries."""

import pathlib
import shutil
import subprocess
import sys
import unittest

from program_test import ProgramTest

BUILD_FOLDER = pathlib.Path(sys.argv.pop(1))
CMAKE = sys.argv.pop(1)
CONSUMER = pathlib.Path(__file__).parent / "consumer"


class Install(ProgramTest):
    def call(self, *command):
        result = subprocess.run([str(word) for word in command], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix with blanks"
        self.call(CMAKE, "--install", BUILD_FOLDER, "--prefix", self.prefix)

    def test_programs_and_documents_are_installed(self):
        built = {path.name for path in (BUILD_FOLDER / "bin").iterdir() if path.name.startswith("mg-")}
        installed = {path.name for path in (self.prefix / "bin").iterdir()}
        self.assertLessEqual(built, installed)
        self.assertIn("mesoglass", installed)
        for program in sorted(built | {"mesoglass"}):
            self.assertIn(program, self.call(self.prefix / "bin" / program, "--help"))
        pages = {path.stem for path in (self.prefix / "share/man/man1").iterdir()}
        self.assertIn("mg-deform", pages)
        self.assertTrue((self.prefix / "share/mesoglass/inputs/demo.workflow").is_file())
        self.assertTrue((self.prefix / "share/doc/mesoglass/README.md").is_file())

    def test_another_project_finds_the_libraries(self):
        shutil.copytree(CONSUMER, self.folder / "consumer")
        self.call(CMAKE, "-G", "Ninja", "-S", "consumer", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.call(CMAKE, "--build", "build")
        self.assertEqual(self.call(self.folder / "build" / "consumer").strip(), "6.24151")


if __name__ == "__main__":
    unittest.main()
