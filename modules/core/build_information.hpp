// What this build is: for --version, provenance and the banner.
#pragma once

#include <string>
#include <vector>

namespace mesoglass {

extern const char* const project_version;
extern const char* const git_revision;
extern const char* const build_type;
extern const char* const compiler;
extern const char* const compile_flags;

// "Open MPI 4.1.4", "PETSc 3.18.5", ...: name and version of the libraries in use at run time.
[[nodiscard]] std::vector<std::string> library_versions();

}  // namespace mesoglass
