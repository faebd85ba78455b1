# Programs, headers, inputs, documents and manual pages in the usual places, and a package configuration with which
# another project finds the libraries: find_package(mesoglass) gives mesoglass::core, mesoglass::elasticity, ...
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mesoglass)
install(EXPORT mesoglassTargets NAMESPACE mesoglass:: DESTINATION ${package_folder})
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/mesoglassConfig.cmake.in"
  "${CMAKE_BINARY_DIR}/mesoglassConfig.cmake" INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file("${CMAKE_BINARY_DIR}/mesoglassConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/mesoglassConfig.cmake" "${CMAKE_BINARY_DIR}/mesoglassConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/MesoglassDependencies.cmake"
        DESTINATION ${package_folder})

install(DIRECTORY inputs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/mesoglass/inputs)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md LICENSE CITATION.cff CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The environment module finds the programs from where it lies.
set(modulefile_folder ${CMAKE_INSTALL_DATADIR}/mesoglass/modulefiles/mesoglass)
file(RELATIVE_PATH MESOGLASS_MODULEFILE_TO_PREFIX "${CMAKE_INSTALL_PREFIX}/${modulefile_folder}" "${CMAKE_INSTALL_PREFIX}")
configure_file(cmake/packaging/modulefile.in "${CMAKE_BINARY_DIR}/modulefile" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/modulefile" DESTINATION ${modulefile_folder} RENAME ${PROJECT_VERSION})

# The option table is the only source of the manual pages.
get_property(programs GLOBAL PROPERTY MESOGLASS_PROGRAMS)
set(manual_pages)
foreach(program IN LISTS programs)
  set(page "${CMAKE_BINARY_DIR}/man/${program}.1")
  add_custom_command(OUTPUT "${page}"
    COMMAND ${CMAKE_COMMAND} -E make_directory "${CMAKE_BINARY_DIR}/man"
    COMMAND $<TARGET_FILE:${program}> --manual > "${page}"
    DEPENDS ${program} VERBATIM)
  list(APPEND manual_pages "${page}")
endforeach()
if(manual_pages)
  add_custom_target(manual_pages ALL DEPENDS ${manual_pages})
  install(FILES ${manual_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
