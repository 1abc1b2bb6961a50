# Warnings, hardening and sanitizers for our own code. Every hardening flag is probed, because the
# compilers of Debian 12 and 13 know different ones; a flag that is missing is simply not used.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)

add_library(keysvc_build_flags INTERFACE)

set(keysvc_warnings
    -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
    -Woverloaded-virtual -Wformat=2 -Wimplicit-fallthrough -Wtrampolines -Wbidi-chars=any)
if(KEYSVC_WERROR)
  list(APPEND keysvc_warnings -Werror)
endif()

set(keysvc_hardening
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow
    -fstrict-flex-arrays=3 -fzero-init-padding-bits=all)

function(keysvc_probe_flag flag)
  string(MAKE_C_IDENTIFIER "KEYSVC_HAS${flag}" variable)
  check_cxx_compiler_flag(${flag} ${variable})
  if(${variable})
    target_compile_options(keysvc_build_flags INTERFACE ${flag})
  endif()
endfunction()

foreach(flag IN LISTS keysvc_warnings keysvc_hardening)
  keysvc_probe_flag(${flag})
endforeach()

target_compile_options(keysvc_build_flags INTERFACE
                       -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -D_GLIBCXX_ASSERTIONS)
if(NOT KEYSVC_SANITIZE AND CMAKE_BUILD_TYPE STREQUAL "Release")
  # Fortify needs an optimising build and hides what the sanitizers would see.
  target_compile_options(keysvc_build_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
  string(MAKE_C_IDENTIFIER "KEYSVC_LINKS${flag}" variable)
  check_linker_flag(CXX ${flag} ${variable})
  if(${variable})
    target_link_options(keysvc_build_flags INTERFACE ${flag})
  endif()
endforeach()
include(CheckPIESupported)
check_pie_supported()

if(KEYSVC_SANITIZE)
  target_compile_options(keysvc_build_flags INTERFACE
                         -fsanitize=address,undefined -fno-sanitize-recover=all
                         -fno-omit-frame-pointer -g1)
  target_link_options(keysvc_build_flags INTERFACE -fsanitize=address,undefined)
endif()
