# keysvc_library(NAME SOURCES ... [DEPS ...] [OWNS ...]): one static library per folder.
# DEPS are our own libraries and Abseil; OWNS is the third party whose only door this folder is.
function(keysvc_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;OWNS" ${ARGN})
  if(NOT ARG_SOURCES)
    add_library(keysvc_${name} INTERFACE)
    target_include_directories(keysvc_${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(keysvc_${name} INTERFACE ${ARG_DEPS})
    return()
  endif()
  add_library(keysvc_${name} STATIC ${ARG_SOURCES})
  target_include_directories(keysvc_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(keysvc_${name} PUBLIC ${ARG_DEPS} PRIVATE keysvc_build_flags ${ARG_OWNS})
endfunction()

# keysvc_program(NAME SOURCES ... DEPS ...): a position-independent executable.
function(keysvc_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  target_link_libraries(${name} PRIVATE keysvc_build_flags ${ARG_DEPS})
endfunction()

add_custom_target(keysvc_unit_tests)

# keysvc_test(NAME SOURCES ... DEPS ...): a GoogleTest program; ctest lists each of its tests.
function(keysvc_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE keysvc_build_flags ${ARG_DEPS} GTest::gmock_main)
  target_compile_definitions(${name} PRIVATE KEYSVC_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             KEYSVC_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_dependencies(keysvc_unit_tests ${name})
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 300)
endfunction()
include(GoogleTest)
