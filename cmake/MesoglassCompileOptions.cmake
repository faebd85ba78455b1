# Language level, warnings and instrumentation, kept in one interface target that every module links.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(MESOGLASS_WARNINGS_AS_ERRORS "Treat compiler warnings as errors" OFF)
option(MESOGLASS_NATIVE "Optimise for the building machine's own processor (binaries are not portable)" OFF)
set(MESOGLASS_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined")
option(MESOGLASS_COVERAGE "Instrument for coverage" OFF)

add_library(mesoglass_compile_options INTERFACE)
target_compile_options(mesoglass_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wcast-qual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC bug 105329: string concatenation is called overlapping where it is not.
  target_compile_options(mesoglass_compile_options INTERFACE -Wno-restrict)
endif()
if(MESOGLASS_WARNINGS_AS_ERRORS)
  target_compile_options(mesoglass_compile_options INTERFACE -Werror)
endif()
if(MESOGLASS_NATIVE)
  target_compile_options(mesoglass_compile_options INTERFACE -march=native)
endif()
# Contraction into fused multiply-adds differs between code paths of one source line, and results must not depend on
# which path a rank takes; kernels that profit say so themselves.
target_compile_options(mesoglass_compile_options INTERFACE -ffp-contract=off)
if(MESOGLASS_SANITIZE)
  target_compile_options(mesoglass_compile_options INTERFACE
    -fsanitize=${MESOGLASS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(mesoglass_compile_options INTERFACE -fsanitize=${MESOGLASS_SANITIZE})
endif()
if(MESOGLASS_COVERAGE)
  target_compile_options(mesoglass_compile_options INTERFACE --coverage)
  target_link_options(mesoglass_compile_options INTERFACE --coverage)
endif()
