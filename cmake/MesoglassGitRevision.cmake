# The revision that provenance records, read when configuring; a tarball without .git says "unknown".
execute_process(COMMAND git describe --always --dirty --abbrev=12
                WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
                RESULT_VARIABLE git_result OUTPUT_VARIABLE MESOGLASS_GIT_REVISION ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT git_result EQUAL 0)
  set(MESOGLASS_GIT_REVISION "unknown")
endif()
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type_upper)
set(MESOGLASS_COMPILER "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
set(MESOGLASS_COMPILE_FLAGS "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type_upper}}")
string(STRIP "${MESOGLASS_COMPILE_FLAGS}" MESOGLASS_COMPILE_FLAGS)
