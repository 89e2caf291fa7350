# The module rule: one library a folder. Others see only <folder>/include/<module>/*.h of the modules that it names.

# trapline_library(NAME SOURCES … [PUBLIC …] [PRIVATE …])
#   PUBLIC:  modules whose headers this module's own headers include.
#   PRIVATE: modules and libraries that only its .c files include.
function(trapline_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(trap_${name} STATIC ${arg_SOURCES})
  target_include_directories(trap_${name}
    PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include"
    PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_BINARY_DIR}")
  target_link_libraries(trap_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} trapline_flags)
endfunction()

# trapline_program(NAME SOURCES … LINK …): a program in <build>/bin.
function(trapline_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  target_link_libraries(${name} PRIVATE ${arg_LINK} trapline_flags)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
