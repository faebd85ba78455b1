# mesoglass_module(NAME SOURCES ... HEADERS ... DEPENDS ...): a module's library, mesoglass::NAME.
#   Headers are included as "NAME/file.hpp" and installed beside the library.
function(mesoglass_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(mesoglass_${name} STATIC ${ARG_SOURCES})
  add_library(mesoglass::${name} ALIAS mesoglass_${name})
  set_target_properties(mesoglass_${name} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(mesoglass_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/modules>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/mesoglass>)
  target_compile_features(mesoglass_${name} PUBLIC cxx_std_20)
  target_link_libraries(mesoglass_${name}
    PUBLIC ${ARG_DEPENDS}
    PRIVATE $<BUILD_INTERFACE:mesoglass_compile_options> ${ARG_PRIVATE_DEPENDS})
  install(TARGETS mesoglass_${name} EXPORT mesoglassTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${ARG_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/mesoglass/${name})
endfunction()

# mesoglass_program(mg-NAME module main.cpp): the thin executable of a module.
function(mesoglass_program program module source)
  add_executable(${program} ${source})
  target_link_libraries(${program} PRIVATE mesoglass_${module} mesoglass_compile_options)
  install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  set_property(GLOBAL APPEND PROPERTY MESOGLASS_PROGRAMS ${program})
endfunction()
