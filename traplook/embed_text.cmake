# Compiles text files in: NAME.txt becomes the NUL-terminated array text_NAME of texts.c.
function(traplook_embed_texts out)
  set(arrays "")
  foreach(name ${ARGN})
    set(file "${CMAKE_CURRENT_SOURCE_DIR}/${name}.txt")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(READ "${file}" hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," hex "${hex}")
    string(APPEND arrays "const char text_${name}[] = { ${hex} 0 };\n")
  endforeach()
  file(CONFIGURE OUTPUT "${out}" @ONLY CONTENT
"/* Made from ${ARGN} by embed_text.cmake. */
#include \"provider_list.h\"
${arrays}")
endfunction()
