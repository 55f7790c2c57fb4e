# The reader of ONNX files. Seeds: `make_seeds.py FOLDER` fills build*/tests/fuzz/fuzz_reader.seeds.
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz_reader.seeds)
ingot_fuzz_target(fuzz_reader 60 fuzz_reader.c LIBRARIES ingot_core SEEDS ${CMAKE_CURRENT_BINARY_DIR}/fuzz_reader.seeds)
add_test(NAME fuzz_reader_seeds CONFIGURATIONS fuzz
         COMMAND ${INGOT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/make_seeds.py
                 ${CMAKE_CURRENT_BINARY_DIR}/fuzz_reader.seeds ${PROJECT_BINARY_DIR}/tests/errors/bad)
set_tests_properties(fuzz_reader_seeds PROPERTIES LABELS fuzz TIMEOUT 120 FIXTURES_SETUP fuzz_reader_seeds
                     ENVIRONMENT "${test_environment}")
set_tests_properties(fuzz_reader PROPERTIES FIXTURES_REQUIRED fuzz_reader_seeds)
