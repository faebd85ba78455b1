#include "core/petsc_handles.hpp"

namespace mesoglass {

namespace {

std::string last_petsc_message;

PetscErrorCode remember_message(MPI_Comm, int, const char*, const char*, PetscErrorCode return_code,
                                PetscErrorType type, const char* message, void*) {
  // Only the first call of a trace carries the reason; the repeats on the way up are empty.
  if (type == PETSC_ERROR_INITIAL) last_petsc_message = message != nullptr ? message : "";
  return return_code;
}

}  // namespace

void install_petsc_error_handler() {
  PetscPushErrorHandler(remember_message, nullptr);
}

void check_petsc(PetscErrorCode return_code, const char* call) {
  if (return_code == 0) return;
  const char* generic = nullptr;
  PetscErrorMessage(return_code, &generic, nullptr);
  throw failure("PETSc's {} failed ({}): {}", call, generic != nullptr ? generic : "unknown error",
                last_petsc_message.empty() ? "no further message" : last_petsc_message);
}

void insert_petsc_options(const std::string& text) {
  last_petsc_message.clear();
  if (PetscOptionsInsertString(nullptr, text.c_str()) != 0) {
    throw input_error("--petsc '{}' is not understood by PETSc ({}): give pairs '-name value'", text,
                      last_petsc_message);
  }
}

void check_unused_petsc_options() {
  PetscInt count = 0;
  char** names = nullptr;
  char** values = nullptr;
  check_petsc(PetscOptionsLeftGet(nullptr, &count, &names, &values), "PetscOptionsLeftGet");
  std::string unused;
  for (PetscInt i = 0; i < count; ++i) {
    const std::string name = names[i];
    if (name == "skip_petscrc" || name == "no_signal_handler") continue;
    unused += (unused.empty() ? "-" : ", -") + name;
  }
  check_petsc(PetscOptionsLeftRestore(nullptr, &count, &names, &values), "PetscOptionsLeftRestore");
  if (!unused.empty()) {
    throw input_error("--petsc: no solver used {}: check the spelling and the prefix (-el_ for elasticity)", unused);
  }
}

}  // namespace mesoglass
