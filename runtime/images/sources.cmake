# The image decoders: sources of Debian packages, which `scripts/setup --images` puts into .cache/decoders, and ours
# that call them. What each library compiles to is decided here and in config/.
set(INGOT_DECODERS ${PROJECT_SOURCE_DIR}/.cache/decoders CACHE PATH "Folder with the sources of image decoders")
set(INGOT_HAS_DECODERS OFF)
if(EXISTS ${INGOT_DECODERS}/done)
  set(INGOT_HAS_DECODERS ON)
endif()
set(INGOT_IMAGE_SOURCES bmp.c image.c jpeg.c jpeg2000.c memory.c png.c pnm.c tiff.c webp.c writers.c)
list(TRANSFORM INGOT_IMAGE_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)

# decoder(FOLDER STEMS...)
set(INGOT_DECODER_SOURCES "")
macro(decoder folder)
  foreach(stem ${ARGN})
    list(APPEND INGOT_DECODER_SOURCES ${INGOT_DECODERS}/${folder}/${stem}.c)
  endforeach()
endmacro()
decoder(libjpeg-turbo
        jcomapi jdapimin jdapistd jdarith jaricom jdcoefct jdcolor jddctmgr jdhuff jdinput jdmainct jdmarker jdmaster
        jdmerge jdphuff jdpostct jdsample jerror jidctflt jidctfst jidctint jidctred jmemmgr jmemnobs jquant1 jquant2
        jsimd_none jutils)
decoder(libpng1.6 png pngerror pngget pngmem pngread pngrio pngrtran pngrutil pngset pngtrans)
decoder(zlib adler32 crc32 inffast inflate inftrees zutil)
decoder(libwebp/src/dec alpha_dec buffer_dec frame_dec io_dec quant_dec tree_dec vp8_dec vp8l_dec webp_dec)
decoder(libwebp/src/dsp
        alpha_processing alpha_processing_neon alpha_processing_sse2 alpha_processing_sse41 cpu dec dec_clip_tables
        dec_neon dec_sse2 dec_sse41 filters filters_neon filters_sse2 lossless lossless_neon lossless_sse2
        lossless_sse41 rescaler rescaler_neon rescaler_sse2 upsampling upsampling_neon upsampling_sse2
        upsampling_sse41 yuv yuv_neon yuv_sse2 yuv_sse41)
decoder(libwebp/src/utils
        bit_reader_utils color_cache_utils filters_utils huffman_utils quant_levels_dec_utils random_utils
        rescaler_utils thread_utils utils)
decoder(libwebp/src/demux anim_decode demux)
decoder(openjpeg2/src/lib/openjp2
        bio cio dwt event function_list ht_dec image invert j2k jp2 mct mqc openjpeg opj_clock opj_malloc pi
        sparse_array t1 t2 tcd tgt thread)
decoder(tiff/libtiff
        tif_aux tif_close tif_codec tif_color tif_compress tif_dir tif_dirinfo tif_dirread tif_dirwrite tif_dumpmode
        tif_error tif_extension tif_fax3 tif_fax3sm tif_flush tif_hash_set tif_jpeg tif_lzw tif_open tif_packbits
        tif_predict tif_read tif_strip tif_swab tif_tile tif_version tif_warning tif_write tif_zip)

set(INGOT_DECODER_FLAGS -ffp-contract=off -DNDEBUG -DOPJ_STATIC -DPNG_ARM_NEON_OPT=0 -DWEBP_USE_THREAD -D_GNU_SOURCE=)
foreach(folder libjpeg-turbo libpng1.6 zlib libwebp openjpeg2/src/lib/openjp2 tiff/libtiff)
  list(APPEND INGOT_DECODER_FLAGS -isystem${INGOT_DECODERS}/${folder})
endforeach()
list(PREPEND INGOT_DECODER_FLAGS -I${CMAKE_CURRENT_LIST_DIR}/config)
# Of the libraries alone: all their memory counts, and is given back when a decoder ends or fails.
set(INGOT_DECODER_LIBRARY_FLAGS -w)
foreach(name malloc calloc realloc free)
  list(APPEND INGOT_DECODER_LIBRARY_FLAGS -D${name}=image_${name})
endforeach()
