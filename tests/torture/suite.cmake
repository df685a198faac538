# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Short rounds of `graceslab torture`, and the same over the broken flavours of the library, each of
# which must be caught within seconds.
if(NOT TARGET graceslab_tool)
  return()
endif()
set(torture_checks "${CMAKE_CURRENT_SOURCE_DIR}/torture/torture_checks.py")

function(torture_test name program)
  add_test(NAME torture.${name}
    COMMAND "${Python3_EXECUTABLE}" "${torture_checks}" "$<TARGET_FILE:${program}>" ${ARGN})
  set_tests_properties(torture.${name} PROPERTIES LABELS torture TIMEOUT 180 PROCESSORS 2)
endfunction()

torture_test(slice graceslab_tool clean --seconds 10 --seed 1)
torture_test(many_threads graceslab_tool clean --seconds 3 --seed 2 --readers 8 --updaters 8)
# As on a machine with many cores: each core of this one has a depot of its own.
torture_test(depots graceslab_tool clean --seconds 5 --seed 4)
set_tests_properties(torture.depots PROPERTIES ENVIRONMENT GRACESLAB_DEPOTS=4)
torture_test(bounds graceslab_tool bounds --seconds 0 --seed 1)
torture_test(replay graceslab_tool replay)
torture_test(options graceslab_tool options)
if(TARGET graceslab-busted)
  torture_test(busted.none graceslab-busted clean --seconds 2 --seed 3)
  foreach(flaw no-grace-period barrier-nothing cache-barrier-nothing counter-stuck settle-once
      exit-no-deadline)
    torture_test(busted.${flaw} graceslab-busted caught ${flaw})
  endforeach()
  # Matters of some hundred nanoseconds: where they are looked for alone.
  torture_test(busted.skip-takeover graceslab-busted caught skip-takeover --phase exchange)
  torture_test(busted.lying-fence graceslab-busted caught lying-fence --phase fences)
  torture_test(busted.lying-fence.hazards graceslab-busted caught lying-fence --phase hazards)
  torture_test(busted.hazard-skips-slots graceslab-busted caught hazard-skips-slots --phase hazards)
  torture_test(busted.midway-unseen graceslab-busted caught midway-unseen --phase exits)
  torture_test(busted.keep-slabs graceslab-busted caught keep-slabs --bounds)
  # Not broken, but others come in wherever a look may be old when it is used.
  torture_test(windows graceslab-busted clean --seconds 3 --seed 5)
  set_tests_properties(torture.windows PROPERTIES ENVIRONMENT GRACESLAB_BUSTED=wide-windows)
  add_test(NAME torture.lab_busted COMMAND "${Python3_EXECUTABLE}"
    "${CMAKE_CURRENT_SOURCE_DIR}/torture/lab_busted.py" "$<TARGET_FILE:graceslab-busted>")
  set_tests_properties(torture.lab_busted PROPERTIES LABELS torture TIMEOUT 180 PROCESSORS 2)
endif()
