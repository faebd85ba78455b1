# Tests run real MPI ranks in a scratch folder that is emptied before each test and removed after all of them.
find_package(GTest REQUIRED)
set(MESOGLASS_TEST_SCRATCH "${CMAKE_BINARY_DIR}/scratch")
set(MESOGLASS_SHARED_DATA "${PROJECT_SOURCE_DIR}/../shared/data" CACHE PATH
    "Folder of other projects' sample files; tests that want one skip where it is absent")

# Open MPI wants to be told about root and about more ranks than cores; hwloc's OpenCL plugin swallows SIGUSR1.
set(MESOGLASS_TEST_ENVIRONMENT
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1 HWLOC_COMPONENTS=-opencl
  ASAN_OPTIONS=detect_leaks=0
  MESOGLASS_BIN=${CMAKE_BINARY_DIR}/bin MESOGLASS_SOURCE=${PROJECT_SOURCE_DIR}
  MESOGLASS_SHARED_DATA=${MESOGLASS_SHARED_DATA} MPIEXEC=${MPIEXEC_EXECUTABLE})

# mesoglass_test(NAME core SOURCES ... DEPENDS mesoglass::core LABELS unit RANKS 1 2 3 [TIMEOUT seconds])
#   One GoogleTest executable, registered once for each number of ranks as NAME-npP.
function(mesoglass_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SOURCES;DEPENDS;LABELS;RANKS" ${ARGN})
  if(NOT ARG_RANKS)
    set(ARG_RANKS 1 2 3)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(test_${ARG_NAME} ${ARG_SOURCES})
  target_link_libraries(test_${ARG_NAME} PRIVATE mesoglass_test_support ${ARG_DEPENDS} mesoglass_compile_options)
  foreach(ranks IN LISTS ARG_RANKS)
    set(scratch "${MESOGLASS_TEST_SCRATCH}/${ARG_NAME}-np${ranks}")
    add_test(NAME ${ARG_NAME}-np${ranks}
      COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:test_${ARG_NAME}>)
    set_tests_properties(${ARG_NAME}-np${ranks} PROPERTIES
      LABELS "${ARG_LABELS}" PROCESSORS ${ranks} TIMEOUT ${ARG_TIMEOUT}
      ENVIRONMENT "${MESOGLASS_TEST_ENVIRONMENT};MESOGLASS_SCRATCH=${scratch}")
  endforeach()
endfunction()

# mesoglass_script_test(NAME name SCRIPT file.py LABELS workflow [PROCESSORS n] [TIMEOUT seconds] [ARGUMENTS ...])
#   A Python unittest script that runs the real executables on real files in its own scratch folder.
function(mesoglass_script_test)
  cmake_parse_arguments(ARG "" "NAME;SCRIPT;TIMEOUT;PROCESSORS" "LABELS;ARGUMENTS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 600)
  endif()
  if(NOT ARG_PROCESSORS)
    set(ARG_PROCESSORS 2)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS workflow)
  endif()
  add_test(NAME ${ARG_NAME}
    COMMAND ${MESOGLASS_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGUMENTS})
  set_tests_properties(${ARG_NAME} PROPERTIES
    LABELS "${ARG_LABELS}" PROCESSORS ${ARG_PROCESSORS} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "${MESOGLASS_TEST_ENVIRONMENT};MESOGLASS_SCRATCH=${MESOGLASS_TEST_SCRATCH}/${ARG_NAME};PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support")
endfunction()
