# What the executable reads from outside: JSON, HTTP, tensor files.
foreach(part json http tensor_file)
  ingot_fuzz_target(fuzz_${part} 20 fuzz_${part}.c LIBRARIES ingot_runtime_native)
endforeach()
# Images, where their decoders are.
if(TARGET ingot_images_native)
  set(seeds ${CMAKE_CURRENT_BINARY_DIR}/fuzz_image.seeds)
  file(MAKE_DIRECTORY ${seeds})
  ingot_fuzz_target(fuzz_image 60 fuzz_image.c LIBRARIES ingot_images_native m SEEDS ${seeds})
  add_test(NAME fuzz_image_seeds CONFIGURATIONS fuzz
           COMMAND ${INGOT_PYTHON} ${PROJECT_SOURCE_DIR}/tests/images/pictures.py ${seeds})
  set_tests_properties(fuzz_image_seeds PROPERTIES LABELS fuzz TIMEOUT 120 FIXTURES_SETUP fuzz_image_seeds)
  set_tests_properties(fuzz_image PROPERTIES FIXTURES_REQUIRED fuzz_image_seeds)
endif()
