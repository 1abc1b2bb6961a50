# Third-party libraries, all from the distribution's packages. A folder links the one it owns and
# nobody else does; tests/lint/include_rules.py holds the same table for headers.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
pkg_check_modules(BOTAN REQUIRED IMPORTED_TARGET botan-2>=2.19)
pkg_check_modules(CBOR REQUIRED IMPORTED_TARGET libcbor)
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)

# SQLCipher is linked statically and its sqlite3_* symbols are hidden:
# other libraries bring the plain libsqlite3 into the same process.
find_library(KEYSVC_SQLCIPHER_ARCHIVE NAMES libsqlcipher.a REQUIRED)
find_path(KEYSVC_SQLCIPHER_INCLUDE NAMES sqlcipher/sqlite3.h REQUIRED)
file(STRINGS ${KEYSVC_SQLCIPHER_INCLUDE}/sqlcipher/sqlite3.h keysvc_sqlite_version
     REGEX "^#define SQLITE_VERSION_NUMBER ")
string(REGEX MATCH "[0-9]+$" keysvc_sqlite_version "${keysvc_sqlite_version}")
if(keysvc_sqlite_version LESS 3046000)
  message(FATAL_ERROR "SQLCipher 4.6 is needed (on Debian 12: libsqlcipher-dev/bookworm-backports)")
endif()
add_library(keysvc_sqlcipher INTERFACE)
target_include_directories(keysvc_sqlcipher SYSTEM INTERFACE ${KEYSVC_SQLCIPHER_INCLUDE})
target_compile_definitions(keysvc_sqlcipher INTERFACE SQLITE_HAS_CODEC)
target_link_libraries(keysvc_sqlcipher INTERFACE
                      ${KEYSVC_SQLCIPHER_ARCHIVE} OpenSSL::Crypto m ${CMAKE_DL_LIBS} Threads::Threads)
target_link_options(keysvc_sqlcipher INTERFACE -Wl,--exclude-libs,libsqlcipher.a)

# What the service allocates with. Most objects of a call are freed by another thread than made them,
# which costs glibc's allocator a fifth of the service's processor time (docs/performance.md). The
# sanitizers bring their own.
add_library(keysvc_allocator INTERFACE)
if(NOT KEYSVC_SANITIZE)
  pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
  target_link_libraries(keysvc_allocator INTERFACE PkgConfig::JEMALLOC)
endif()
