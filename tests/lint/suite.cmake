# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The repository's own rules. Each rule is a test, and so is the proof that it finds what it looks
# for.
file(GLOB rule_files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/lint/*.py")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${rule_files})
set(lint "${CMAKE_CURRENT_SOURCE_DIR}/lint/lint.py")
execute_process(COMMAND "${Python3_EXECUTABLE}" "${lint}" --list
  OUTPUT_VARIABLE rules OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "\n" ";" rules "${rules}")
foreach(rule IN LISTS rules)
  add_test(NAME lint.${rule}
    COMMAND Python3::Interpreter "${lint}" ${rule} --root "${PROJECT_SOURCE_DIR}")
  add_test(NAME lint.${rule}.self-test COMMAND Python3::Interpreter "${lint}" ${rule} --self-test)
  set_tests_properties(lint.${rule} lint.${rule}.self-test PROPERTIES LABELS lint TIMEOUT 60)
endforeach()
