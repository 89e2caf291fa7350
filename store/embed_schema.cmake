# Compiles the migrations in: schema/<file>/<version>.sql becomes a byte array of schema.c, in ascending order.
function(trapline_embed_schema out)
  set(arrays "")
  set(rows "")
  foreach(name ${ARGN})
    file(GLOB scripts RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" CONFIGURE_DEPENDS "schema/${name}/*.sql")
    list(SORT scripts)
    set(entries "")
    foreach(script ${scripts})
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${script}")
      get_filename_component(version "${script}" NAME_WE)
      string(REGEX REPLACE "^0+" "" version "${version}")
      file(READ "${script}" hex HEX)
      string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," hex "${hex}")
      string(APPEND arrays "static const char ${name}_${version}[] = { ${hex} 0 };\n")
      string(APPEND entries "{ ${version}, ${name}_${version} }, ")
    endforeach()
    string(TOUPPER "${name}" upper)
    string(APPEND arrays "static const struct migration ${name}_all[] = { ${entries}{ 0, NULL } };\n")
    string(APPEND rows "    [STORE_${upper}] = ${name}_all,\n")
  endforeach()
  file(CONFIGURE OUTPUT "${out}" @ONLY CONTENT
"/* Made from store/schema by embed_schema.cmake. */
#include \"schema.h\"
${arrays}
const struct migration *const schema_migrations[STORE_FILES] = {
${rows}};
")
endfunction()
