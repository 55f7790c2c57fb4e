# The runtime's tests. fake_NAME.c are compiled models made by hand, runtime_NAME are executables around them.
foreach(model model open types)
  add_executable(runtime_${model} fake_${model}.c ${PROJECT_SOURCE_DIR}/runtime/main.c)
  target_link_libraries(runtime_${model} PRIVATE ingot_runtime_native)
endforeach()
add_executable(runtime_filter runtime_filter.c)
target_link_libraries(runtime_filter PRIVATE ingot_runtime_native)

foreach(part formats http json session)
  ingot_unit_test(runtime_${part} runtime_${part}.c fake_model.c LIBRARIES ingot_runtime_native)
endforeach()

ingot_unit_test(runtime_dims runtime_dims.c fake_open.c LIBRARIES ingot_runtime_native)

foreach(part files json_suite memory numbers)
  ingot_add_test(runtime_test_${part} unit 300 ${INGOT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/runtime_test_${part}.py
                 $<TARGET_FILE:runtime_model> $<TARGET_FILE:runtime_filter>)
endforeach()
foreach(model open types)
  ingot_add_test(runtime_test_${model} unit 300 ${INGOT_PYTHON}
                 ${CMAKE_CURRENT_SOURCE_DIR}/runtime_test_${model}.py $<TARGET_FILE:runtime_${model}>)
endforeach()
ingot_add_test(runtime_test_memory_open unit 300 ${INGOT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/runtime_test_memory.py
               $<TARGET_FILE:runtime_open>)
