#include "core/environment.hpp"

#include <fftw3.h>
#include <hdf5.h>
#include <mpi.h>
#include <petscsys.h>

#include <csignal>
#include <cstdlib>

#include "core/communicator.hpp"
#include "core/petsc_handles.hpp"

namespace mesoglass {

Environment::Environment(int& argc, char**& argv) {
  // A file that is open while an error unwinds must not be closed by the library at exit: closing is collective.
  H5dont_atexit();
  // One thread at a time calls MPI, though not always the first: reading ahead reads together with the other ranks.
  int provided = 0;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  unsetenv("PETSC_OPTIONS");
  PetscOptionsSetValue(nullptr, "-skip_petscrc", "1");
  PetscOptionsSetValue(nullptr, "-no_signal_handler", "1");
  check_petsc(PetscInitializeNoArguments(), "PetscInitializeNoArguments");
  install_petsc_error_handler();
  // A file larger than the limit allows is an error to report, not a reason to die without a word.
  std::signal(SIGXFSZ, SIG_IGN);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Environment::~Environment() {
  PetscFinalize();
  fftw_cleanup();
  MPI_Finalize();
}

}  // namespace mesoglass
