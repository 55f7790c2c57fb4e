// Libraries write, too: what they would call of parts that are not here is never called.
#include <stdlib.h>

#define NEVER(name)                                                                                                    \
  void name(void);                                                                                                     \
  void name(void) { abort(); }
NEVER(deflate)
NEVER(deflateEnd)
NEVER(deflateInit_)
NEVER(deflateParams)
NEVER(deflateReset)
NEVER(jpeg_CreateCompress)
NEVER(jpeg_finish_compress)
NEVER(jpeg_set_colorspace)
NEVER(jpeg_set_defaults)
NEVER(jpeg_set_quality)
NEVER(jpeg_start_compress)
NEVER(jpeg_suppress_tables)
NEVER(jpeg_write_raw_data)
NEVER(jpeg_write_scanlines)
NEVER(jpeg_write_tables)
NEVER(png_destroy_write_struct)
NEVER(png_free_buffer_list)
NEVER(png_save_uint_32)
