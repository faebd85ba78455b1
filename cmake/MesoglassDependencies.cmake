# Every outside library, found in one place. Debian 12 package names are in bootstrap.sh.
find_package(PkgConfig REQUIRED)
find_package(MPI 3.0 REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)

pkg_check_modules(PETSC REQUIRED IMPORTED_TARGET PETSc>=3.18)

set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 at ${HDF5_C_LIBRARIES} was built without MPI: install the parallel one "
                      "(Debian: libhdf5-openmpi-dev) or point HDF5_ROOT at it.")
endif()
add_library(mesoglass_hdf5 INTERFACE IMPORTED)
target_include_directories(mesoglass_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(mesoglass_hdf5 INTERFACE ${HDF5_C_LIBRARIES})

pkg_check_modules(FFTW REQUIRED IMPORTED_TARGET fftw3>=3.3)

find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
