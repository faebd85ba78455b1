# Spack recipe, for the package interface of Spack 0.23. The sources lie around it, so it builds the checkout that it is part of:
#   spack repo add cmake/packaging/spack
#   spack install mesoglass
# To build a release instead, add version() lines with the url and checksum of its archive.
import os

from spack.package import *

CHECKOUT = os.path.normpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 5))


class Mesoglass(CMakePackage):
    """From electron diffraction of a metallic glass to its ductility."""

    license("BSD-3-Clause")
    version("main", branch="main", git="file://" + CHECKOUT)

    variant("tests", default=False, description="Build the tests")
    variant("native", default=False, description="Use every instruction of the building machine")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("petsc@3.18: +mpi+double~complex~int64")
    depends_on("hdf5@1.10: +mpi")
    depends_on("fftw@3.3: precision=double")
    depends_on("boost@1.74: +program_options+math")
    depends_on("random123")
    depends_on("pugixml")
    depends_on("fmt@9:")
    depends_on("spdlog@1.10: +shared")
    depends_on("nlohmann-json@3.11:")
    depends_on("eigen@3.4:")
    depends_on("openssl")
    depends_on("python@3.11:", type=("build", "run"))
    depends_on("py-h5py", type=("build", "run"))
    depends_on("py-matplotlib", type=("build", "run"))
    depends_on("py-numpy", type=("build", "run"))
    depends_on("googletest", type="build", when="+tests")

    generator("ninja")

    def cmake_args(self):
        return [
            self.define_from_variant("BUILD_TESTING", "tests"),
            self.define_from_variant("MESOGLASS_NATIVE", "native"),
            self.define("MESOGLASS_PYTHON", self.spec["python"].command.path),
        ]

    def setup_run_environment(self, env):
        # The ranks are the parallelism; hwloc's OpenCL plugin swallows SIGUSR1.
        env.set("OMP_NUM_THREADS", "1")
        env.set("HWLOC_COMPONENTS", "-opencl")
