# Finds MLIR and defines add_descent_library and add_descent_tool.

# The package's version must match in major.minor.
find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)

# Debian builds a shared libMLIR but leaves this empty; without it .a and .so get mixed.
set(MLIR_LINK_MLIR_DYLIB ON)

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# Where add_mlir_doc writes; without it, the root of the file system.
set(MLIR_BINARY_DIR ${CMAKE_BINARY_DIR})

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
link_directories(${LLVM_LIBRARY_DIR})

# LLVM_DEFINITIONS is one string; the libstdc++ ABI is the compiler's own matter.
separate_arguments(descent_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(FILTER descent_llvm_definitions EXCLUDE REGEX "GLIBCXX_USE_CXX11_ABI")
add_compile_definitions($<$<COMPILE_LANGUAGE:CXX>:NDEBUG>)
add_compile_options(${descent_llvm_definitions})

# One precompiled header for the project: parsing MLIR's headers is most of a file's compile time.
function(descent_cxx_target name)
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wno-unused-parameter -Werror)
  if(NOT LLVM_ENABLE_EH)
    target_compile_options(${name} PRIVATE -fno-exceptions)
  endif()
  if(NOT name STREQUAL "DescentPrecompiled")
    target_precompile_headers(${name} REUSE_FROM DescentPrecompiled)
  endif()
endfunction()

file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp "")
add_library(DescentPrecompiled OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
set_target_properties(DescentPrecompiled PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_precompile_headers(DescentPrecompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/Precompiled.h)
descent_cxx_target(DescentPrecompiled)

# add_descent_library(Name sources... [DEPENDS targets...] [LINK_LIBS libraries...])
# Every library registers itself, so that the drivers list none of ours.
function(add_descent_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  descent_cxx_target(${name})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${arg_LINK_LIBS})
  set_property(GLOBAL APPEND PROPERTY DESCENT_LIBRARIES ${name})
endfunction()

# add_descent_tool(name sources...)
function(add_descent_tool name)
  add_executable(${name} ${ARGN})
  if(DESCENT_SANITIZE)
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
  endif()
  descent_cxx_target(${name})
  target_compile_options(${name} PRIVATE -fPIC) # as the precompiled header; CMake would say -fPIE
  get_property(libraries GLOBAL PROPERTY DESCENT_LIBRARIES)
  target_link_libraries(${name} PRIVATE ${libraries})
  mlir_target_link_libraries(${name} PRIVATE MLIROptLib)
  target_link_libraries(${name} PRIVATE LLVM)
endfunction()
