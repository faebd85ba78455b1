# The report and the launcher are Python; take the first interpreter that has what the report imports, since a
# python3 found first on PATH is often somebody's virtual environment without it.
if(NOT MESOGLASS_PYTHON)
  foreach(candidate IN ITEMS python3 /usr/bin/python3)
    execute_process(COMMAND ${candidate} -c "import sys, h5py, matplotlib, numpy; print(sys.executable)"
                    RESULT_VARIABLE python_result OUTPUT_VARIABLE python_path ERROR_QUIET
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(python_result EQUAL 0)
      set(MESOGLASS_PYTHON "${python_path}" CACHE FILEPATH "Python 3 with h5py, matplotlib and numpy")
      break()
    endif()
  endforeach()
  if(NOT MESOGLASS_PYTHON)
    message(FATAL_ERROR "No Python 3 with h5py, matplotlib and numpy was found. On Debian: apt install python3-h5py "
                        "python3-matplotlib python3-numpy, or set -DMESOGLASS_PYTHON=/path/to/python3.")
  endif()
endif()
