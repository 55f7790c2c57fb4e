# The runtime's tests. fake_model.c is a compiled model made by hand; `runtime_fake` is an executable around it.
add_executable(runtime_fake fake_model.c ${PROJECT_SOURCE_DIR}/runtime/main.c)
target_link_libraries(runtime_fake PRIVATE ingot_runtime_native)
add_executable(runtime_filter runtime_filter.c)
target_link_libraries(runtime_filter PRIVATE ingot_runtime_native)

foreach(part formats http json session)
  ingot_unit_test(runtime_${part} runtime_${part}.c fake_model.c LIBRARIES ingot_runtime_native)
endforeach()

foreach(part files json_suite memory numbers)
  ingot_add_test(runtime_test_${part} unit 300 ${INGOT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/runtime_test_${part}.py
                 $<TARGET_FILE:runtime_fake> $<TARGET_FILE:runtime_filter>)
endforeach()
