# Memory, messages, graphs and the reader of ONNX files.
ingot_unit_test(test_arena test_arena.c LIBRARIES ingot_core)
ingot_unit_test(test_dim test_dim.c LIBRARIES ingot_core)
ingot_unit_test(test_graph test_graph.c LIBRARIES ingot_core)
ingot_unit_test(test_read test_read.c LIBRARIES ingot_core)

# Real and made-up models, against what the onnx package reads.
add_executable(read_model read_model.c)
target_link_libraries(read_model PRIVATE ingot_core ingot_flags)
ingot_add_test(test_read_models unit 300 ${INGOT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/test_read_models.py
               $<TARGET_FILE:read_model>)
