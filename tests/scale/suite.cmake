# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The cost model of docs/scale.md: its simulation against closed formulas, and against what
# bench/scale/measure.cpp found. No test asserts a time of the machine it runs on.
set(scale "${PROJECT_SOURCE_DIR}/bench/scale")
add_executable(scale_measure "${scale}/measure.cpp")
target_compile_options(scale_measure PRIVATE ${graceslab_warnings})
target_link_libraries(scale_measure PRIVATE graceslab_shared Threads::Threads)

foreach(part Machine Queueing Library Operations Measured CommandLine)
  add_test(NAME scale.${part}
    COMMAND Python3::Interpreter -B "${CMAKE_CURRENT_SOURCE_DIR}/scale/checks.py" ${part})
  set_tests_properties(scale.${part} PROPERTIES LABELS tool TIMEOUT 60)
endforeach()
add_test(NAME scale.measure
  COMMAND Python3::Interpreter -B "${CMAKE_CURRENT_SOURCE_DIR}/scale/measures.py"
    "$<TARGET_FILE:scale_measure>")
set_tests_properties(scale.measure PROPERTIES LABELS tool TIMEOUT 120)
