"""An installed mesoglass runs from where it is, and other projects find its libraries."""

import pathlib
import shutil
import subprocess
import sys
import unittest
import unittest.mock

from program_test import SOURCE, ProgramTest

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

    def test_the_environment_module_finds_the_programs(self):
        # Moved after installation: the module finds the tree from where it lies.
        moved = self.folder / "moved tree"
        self.prefix.rename(moved)
        shell = ('eval "$(modulecmd bash use "$1")" && eval "$(modulecmd bash load mesoglass)" && '
                 'printf "%s\\n" "$(command -v mesoglass)" "$MANPATH" "$CMAKE_PREFIX_PATH" "$OMP_NUM_THREADS" && '
                 'eval "$(modulecmd bash unload mesoglass)" && ! [ -d "${CMAKE_PREFIX_PATH-}" ]')
        launcher, pages, prefix, threads = self.call("bash", "-c", shell, "bash",
                                                     moved / "share/mesoglass/modulefiles").splitlines()
        self.assertEqual(pathlib.Path(launcher), moved / "bin/mesoglass")
        self.assertTrue((pathlib.Path(pages.split(":")[0]) / "man1/mg-deform.1").is_file(), pages)
        self.assertEqual(pathlib.Path(prefix.split(":")[0]), moved)
        self.assertEqual(threads, "1")
        # A launcher in a moved tree finds its templates and site settings too.
        (self.folder / "w.workflow").write_text('[[stage]]\nname = "a"\nprogram = "mg-catalog"\noutputs = ["a.h5"]\n'
                                                '[stage.options]\nglass = "x0"\noutput = "a.h5"\n')
        script = self.call(launcher, "run", "w.workflow", "--slurm", "--dry-run")
        self.assertIn("#SBATCH --signal=B:USR2@180", script)

    def test_the_spack_recipe_is_a_package(self):
        # Without Spack: its names are stand-ins, and what the recipe says of itself is looked at.
        said = {}
        names = {name: (lambda key: lambda *words, **_: said.setdefault(key, []).append(words))(name)
                 for name in ("license", "version", "variant", "depends_on", "generator")}

        class CMakePackage:
            define = staticmethod(lambda name, value: f"-D{name}={value}")
            define_from_variant = staticmethod(lambda name, variant: f"-D{name}={variant}")

        recipe = SOURCE / "cmake/packaging/spack/packages/mesoglass/package.py"
        text = recipe.read_text().replace("from spack.package import *", "")
        scope = {**names, "CMakePackage": CMakePackage, "__file__": str(recipe)}
        exec(compile(text, recipe, "exec"), scope)  # pylint: disable=exec-used
        self.assertTrue((pathlib.Path(scope["CHECKOUT"]) / "CMakeLists.txt").is_file())
        package = scope["Mesoglass"]()
        package.spec = unittest.mock.MagicMock()
        options = {word.split("=")[0][2:] for word in package.cmake_args()}
        declared = "".join(path.read_text() for path in [*(SOURCE / "cmake").glob("*.cmake"), SOURCE / "CMakeLists.txt"])
        for option in options - {"BUILD_TESTING"}:
            self.assertIn(option, declared)
        # Everything that CMake looks for is a dependency.
        needed = {words[0].split("@")[0].split(" ")[0] for words in said["depends_on"]}
        self.assertLessEqual({"mpi", "petsc", "hdf5", "fftw", "boost", "fmt", "spdlog", "nlohmann-json", "pugixml", "eigen",
                              "openssl", "random123", "py-h5py", "py-matplotlib", "py-numpy"}, needed)

    def test_the_container_takes_files_that_are_there(self):
        text = (SOURCE / "cmake/packaging/mesoglass.def").read_text()
        sections = dict(part.partition("\n")[::2] for part in text.split("\n%")[1:])
        for line in sections["files"].strip().splitlines():
            self.assertTrue((SOURCE / line.split()[0]).exists(), line)
        for name in ("post", "environment", "runscript", "test"):
            self.call("bash", "-n", "-c", sections[name])

    def test_another_project_finds_the_libraries(self):
        shutil.copytree(CONSUMER, self.folder / "consumer")
        self.call(CMAKE, "-G", "Ninja", "-S", "consumer", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.call(CMAKE, "--build", "build")
        self.assertEqual(self.call(self.folder / "build" / "consumer").strip(), "6.24151")


if __name__ == "__main__":
    unittest.main()
