#!/usr/bin/env bash
# Everything from a fresh Debian 12 machine to a running mesoglass:
#   ./bootstrap.sh demo     dependencies, build, the whole chain on a small made-up data set, a report to look at
#   ./bootstrap.sh test     dependencies, build, all tests
#   ./bootstrap.sh build    dependencies and build
#   ./bootstrap.sh install PREFIX
# What is installed is left alone, and nothing is downloaded where everything is there.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"

build_folder=${MESOGLASS_BUILD_FOLDER:-build/release}

build_packages=(
  ca-certificates git g++ cmake ninja-build pkg-config
  openmpi-bin libopenmpi-dev petsc-dev libhdf5-openmpi-dev libfftw3-dev
  libboost-program-options-dev libboost-math-dev librandom123-dev libpugixml-dev
  libfmt-dev libspdlog-dev nlohmann-json3-dev libeigen3-dev libssl-dev hdf5-tools
  python3 python3-h5py python3-matplotlib python3-numpy fonts-dejavu-core)
test_packages=(libgtest-dev python3-vtk9 unzip slurm-wlm munge environment-modules)

say() { printf '== %s\n' "$*"; }

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local become=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "bootstrap.sh: these packages are missing, and installing them needs root or sudo: ${missing[*]}" >&2
      exit 1
    fi
    become=(sudo)
  fi
  say "installing ${missing[*]}"
  "${become[@]}" apt-get update -q
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

check_system() {
  if ! command -v dpkg-query >/dev/null; then
    echo "bootstrap.sh: this is no Debian system; docs/installation.md lists what to install by other means" >&2
    exit 1
  fi
}

# A template-heavy file takes the compiler about 1 GB: no more jobs than memory allows.
build_jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  [ "$memory_gb" -lt 1 ] && memory_gb=1
  echo $((cores < memory_gb ? cores : memory_gb))
}

build() {
  local tests=$1
  say "configuring in $build_folder"
  cmake -S . -B "$build_folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING="$tests" >/dev/null
  say "building with $(build_jobs) jobs"
  cmake --build "$build_folder" --parallel "$(build_jobs)"
}

# Open MPI refuses root and more ranks than cores unless told; threads of libraries would compete with ranks.
prepare_mpi() {
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1 HWLOC_COMPONENTS=-opencl
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

case "${1:-}" in
  demo)
    check_system
    install_packages "${build_packages[@]}"
    build OFF
    prepare_mpi
    say "running the demonstration in demo-results"
    "$build_folder/bin/mesoglass" run inputs/demo.workflow --local --folder demo-results
    ;;
  test)
    check_system
    install_packages "${build_packages[@]}" "${test_packages[@]}"
    build ON
    cores=$(nproc)  # before OMP_NUM_THREADS is set, which nproc would answer with
    prepare_mpi
    say "running the tests"
    ctest --test-dir "$build_folder" --output-on-failure --parallel "$cores"
    ;;
  build)
    check_system
    install_packages "${build_packages[@]}"
    build OFF
    say "programs are in $build_folder/bin"
    ;;
  install)
    check_system
    install_packages "${build_packages[@]}"
    build OFF
    cmake --install "$build_folder" --prefix "${2:?usage: ./bootstrap.sh install PREFIX}"
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
