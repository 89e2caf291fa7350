# Compiler flags of every target: warnings, hardening, sanitizers. Nothing here is machine specific.
option(TRAPLINE_TESTS "Build the tests" ON)
option(TRAPLINE_WERROR "Warnings are errors" OFF)
option(TRAPLINE_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(TRAPLINE_COVERAGE "Instrument for gcov" OFF)
set(TRAPLINE_SANITIZER "" CACHE STRING "Value of -fsanitize=, or empty")

add_library(trapline_flags INTERFACE)
target_compile_definitions(trapline_flags INTERFACE _GNU_SOURCE)
target_compile_options(trapline_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wimplicit-fallthrough
  -fno-strict-aliasing -fno-common)
if(TRAPLINE_WERROR)
  target_compile_options(trapline_flags INTERFACE -Werror)
endif()

if(TRAPLINE_SANITIZER)
  target_compile_options(trapline_flags INTERFACE
    -fsanitize=${TRAPLINE_SANITIZER} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(trapline_flags INTERFACE -fsanitize=${TRAPLINE_SANITIZER})
else()
  target_compile_options(trapline_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
    target_compile_options(trapline_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  target_link_options(trapline_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(trapline_flags INTERFACE TRAPLINE_DEBUG=1)
endif()
if(TRAPLINE_FUZZ) # coverage feedback from the code under test, not only from the targets
  target_compile_options(trapline_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TRAPLINE_COVERAGE)
  target_compile_options(trapline_flags INTERFACE --coverage)
  target_link_options(trapline_flags INTERFACE --coverage)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()
