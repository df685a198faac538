# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The plug-ins of `graceslab bench`, one shared object per peer, and the small program that runs one
# of them. A peer whose package is not installed is left out. Allocators that replace malloc need no
# plug-in: the bench preloads them.
include_guard()
find_package(PkgConfig)
find_package(Threads REQUIRED)
set(bench_dir "${PROJECT_SOURCE_DIR}/tools/bench")
set(bench_output "${PROJECT_BINARY_DIR}/bench")
set(bench_install "${CMAKE_INSTALL_LIBDIR}/graceslab/bench")

# It exports nothing and links nothing, so that no peer finds another's symbols in it.
add_executable(bench_runner "${bench_dir}/runner/main.cpp")
set_target_properties(bench_runner PROPERTIES OUTPUT_NAME runner
  RUNTIME_OUTPUT_DIRECTORY "${bench_output}")
target_compile_options(bench_runner PRIVATE ${graceslab_warnings})
target_link_libraries(bench_runner PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
if(GRACESLAB_INSTALL)
  install(TARGETS bench_runner RUNTIME DESTINATION "${bench_install}" COMPONENT bench)
endif()

# bench_peer(NAME SOURCE [LIBRARIES...] [DEFINES ...])
function(bench_peer name source)
  cmake_parse_arguments(PARSE_ARGV 2 peer "" "" "LIBRARIES;DEFINES")
  add_library(bench_peer_${name} MODULE "${bench_dir}/peers/${source}")
  set_target_properties(bench_peer_${name} PROPERTIES PREFIX "" OUTPUT_NAME "${name}"
    LIBRARY_OUTPUT_DIRECTORY "${bench_output}"
    INSTALL_RPATH "$ORIGIN/../..")
  # As in a program that links its peer: a plug-in would otherwise pay a call for each thread-local
  # variable of liburcu.
  target_compile_options(bench_peer_${name} PRIVATE ${graceslab_warnings} -ftls-model=initial-exec)
  target_compile_definitions(bench_peer_${name} PRIVATE ${peer_DEFINES})
  target_include_directories(bench_peer_${name} PRIVATE "${bench_dir}/peers")
  target_link_libraries(bench_peer_${name} PRIVATE Threads::Threads ${peer_LIBRARIES})
  add_dependencies(bench_runner bench_peer_${name})
  if(GRACESLAB_INSTALL)
    install(TARGETS bench_peer_${name} LIBRARY DESTINATION "${bench_install}" COMPONENT bench)
  endif()
endfunction()

bench_peer(control control.cpp)
bench_peer(floor floor.cpp)
bench_peer(malloc malloc.cpp)
bench_peer(pmr pmr.cpp)
foreach(face pointer teardown kernel)
  bench_peer(graceslab_${face} graceslab_${face}.cpp LIBRARIES graceslab::graceslab)
endforeach()
foreach(face graceslab_called graceslab_inline detection)
  bench_peer(${face} ${face}.cpp LIBRARIES graceslab::graceslab DEFINES BENCH_CACHE_FLAGS=0)
  bench_peer(${face}_off ${face}.cpp LIBRARIES graceslab::graceslab
    DEFINES BENCH_CACHE_FLAGS=SLAB_NO_DETECTION)
endforeach()

find_path(BENCH_BOOST boost/pool/singleton_pool.hpp)
mark_as_advanced(BENCH_BOOST)
if(BENCH_BOOST)
  bench_peer(boost_pool boost_pool.cpp)
endif()

# Schemes of safe memory reclamation.
bench_peer(smr_floor smr_floor.cpp)
bench_peer(graceslab_smr_inline smr_graceslab.cpp LIBRARIES graceslab::graceslab)
bench_peer(graceslab_smr_called smr_graceslab.cpp LIBRARIES graceslab::graceslab
  DEFINES BENCH_CALLED)
bench_peer(graceslab_hazards graceslab_hazards.cpp LIBRARIES graceslab::graceslab)
if(PkgConfig_FOUND)
  foreach(flavour memb mb bp qsbr)
    pkg_check_modules(BENCH_URCU_${flavour} QUIET IMPORTED_TARGET liburcu-${flavour})
    if(TARGET PkgConfig::BENCH_URCU_${flavour})
      set(urcu LIBRARIES PkgConfig::BENCH_URCU_${flavour}
        DEFINES "URCU_HEADER=<urcu/urcu-${flavour}.h>")
      bench_peer(urcu_${flavour}_called smr_urcu.cpp ${urcu})
      bench_peer(urcu_${flavour}_inline smr_urcu.cpp ${urcu} _LGPL_SOURCE)
      if(flavour STREQUAL "memb")
        bench_peer(urcu_memb_defer smr_urcu.cpp ${urcu} _LGPL_SOURCE URCU_DEFER)
      endif()
    endif()
  endforeach()
  pkg_check_modules(BENCH_CK QUIET IMPORTED_TARGET ck)
  if(TARGET PkgConfig::BENCH_CK)
    bench_peer(ck_epoch smr_ck.cpp LIBRARIES PkgConfig::BENCH_CK)
    target_compile_options(bench_peer_ck_epoch PRIVATE -fpermissive)  # its headers are C
  endif()
endif()
find_path(BENCH_CDS cds/urcu/general_buffered.h)
find_library(BENCH_CDS_LIBRARY cds)
mark_as_advanced(BENCH_CDS BENCH_CDS_LIBRARY)
if(BENCH_CDS AND BENCH_CDS_LIBRARY)
  bench_peer(cds_rcu smr_cds.cpp LIBRARIES ${BENCH_CDS_LIBRARY})
  bench_peer(cds_hp smr_cds_hp.cpp LIBRARIES ${BENCH_CDS_LIBRARY})
endif()
include(Urcu)
if(TARGET PkgConfig::URCU)
  bench_peer(urcu_kfree_scale urcu_kfree_scale.cpp LIBRARIES PkgConfig::URCU)
endif()
