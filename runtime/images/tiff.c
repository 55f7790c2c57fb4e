// TIFF, by libtiff: the first picture, of unsigned samples of 1, 2, 4, 8 or 16 bits. Uncompressed, PackBits, LZW,
// Deflate, CCITT and JPEG.
#include "runtime/images/decoder.h"

#include <string.h>

#include <tiffio.h>

enum { MAX_SAMPLES = 16 };

typedef struct {
  Image *image;
  TIFF *tiff;
  uint32_t width, height, block_width, block_height;
  uint16_t bits, samples, photometric, extra; // extra: what the sample behind the colours is
  bool planar, tiled;
  uint16_t *palette[3];
  uint64_t block_bytes;
  uint8_t *blocks; // of each plane
} Picture;

/* what libtiff wants of the system */

TIFFErrorHandler _TIFFerrorHandler, _TIFFwarningHandler; // none: nothing is printed
void *_TIFFmalloc(tmsize_t s) { return image_malloc((size_t)s); }
void *_TIFFcalloc(tmsize_t nmemb, tmsize_t siz) { return image_calloc((size_t)nmemb, (size_t)siz); }
void *_TIFFrealloc(void *p, tmsize_t s) { return image_realloc(p, (size_t)s); }
void _TIFFfree(void *p) { image_free(p); }
void _TIFFmemset(void *p, int v, tmsize_t c) { memset(p, v, (size_t)c); }
void _TIFFmemcpy(void *d, const void *s, tmsize_t c) { memcpy(d, s, (size_t)c); }
int _TIFFmemcmp(const void *p1, const void *p2, tmsize_t c) { return memcmp(p1, p2, (size_t)c); }

static tmsize_t read_bytes(thandle_t context, void *to, tmsize_t bytes) {
  Image *image = context;
  size_t left = image->size - image->at, count = (size_t)bytes < left ? (size_t)bytes : left;
  read_image(image, to, count);
  return (tmsize_t)count;
}

static tmsize_t write_bytes(thandle_t context, void *from, tmsize_t bytes) {
  (void)context, (void)from, (void)bytes;
  return -1;
}

static toff_t seek_byte(thandle_t context, toff_t at, int whence) {
  Image *image = context;
  toff_t base = whence == SEEK_CUR ? image->at : whence == SEEK_END ? image->size : 0;
  if (at > image->size || base > image->size - at) return (toff_t)-1;
  image->at = (size_t)(base + at);
  return image->at;
}

static int close_bytes(thandle_t context) { return (void)context, 0; }

static toff_t get_size(thandle_t context) { return ((Image *)context)->size; }

static int map_bytes(thandle_t context, void **base, toff_t *size) {
  Image *image = context;
  *base = (void *)image->data; // which libtiff only reads
  *size = image->size;
  return 1;
}

static void unmap_bytes(thandle_t context, void *base, toff_t size) { (void)context, (void)base, (void)size; }

/* the picture */

static uint16_t get_tag(TIFF *tiff, uint32_t tag, uint16_t otherwise) {
  uint16_t value;
  return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
}

static bool is_known(const Picture *p) {
  bool small = p->bits == 1 || p->bits == 2 || p->bits == 4;
  if (!small && p->bits != 8 && p->bits != 16) return false;
  if (!p->samples || p->samples > MAX_SAMPLES) return false;
  switch (p->photometric) {
  case PHOTOMETRIC_MINISWHITE:
  case PHOTOMETRIC_MINISBLACK: return true;
  case PHOTOMETRIC_PALETTE:
    return p->bits <= 8 && TIFFGetField(p->tiff, TIFFTAG_COLORMAP, &p->palette[0], &p->palette[1], &p->palette[2]) == 1;
  case PHOTOMETRIC_RGB: return !small && p->samples >= 3;
  case PHOTOMETRIC_SEPARATED: return !small && p->samples >= 4;
  default: return false;
  }
}

static void read_tags(Picture *p) {
  TIFF *tiff = p->tiff;
  uint16_t extra_count = 0, *extra = NULL;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p->width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p->height);
  begin_image(p->image, p->height, p->width, get_tag(tiff, TIFFTAG_ORIENTATION, 1));
  p->bits = get_tag(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  p->samples = get_tag(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  p->photometric = get_tag(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
  p->planar = get_tag(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE && p->samples > 1;
  p->tiled = TIFFIsTiled(tiff);
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) && extra_count) p->extra = extra[0];
  if (get_tag(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE) == COMPRESSION_JPEG && p->photometric == PHOTOMETRIC_YCBCR &&
      !p->planar) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    p->photometric = PHOTOMETRIC_RGB;
  }
  uint16_t format = get_tag(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  if ((format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID) || !is_known(p)) end_image(p->image, STATUS_IMAGE);
}

static void read_layout(Picture *p) {
  tmsize_t bytes = p->tiled ? TIFFTileSize(p->tiff) : TIFFStripSize(p->tiff);
  p->block_width = p->width;
  p->block_height = p->height;
  if (p->tiled) {
    TIFFGetField(p->tiff, TIFFTAG_TILEWIDTH, &p->block_width);
    TIFFGetField(p->tiff, TIFFTAG_TILELENGTH, &p->block_height);
  } else {
    TIFFGetFieldDefaulted(p->tiff, TIFFTAG_ROWSPERSTRIP, &p->block_height);
    if (p->block_height > p->height) p->block_height = p->height;
  }
  unsigned planes = p->planar ? p->samples : 1, together = p->planar ? 1 : p->samples;
  uint64_t row = ((uint64_t)p->block_width * together * p->bits + 7) / 8;
  uint32_t sides = p->width | p->height | p->block_width | p->block_height;
  if (bytes <= 0 || !p->block_width || !p->block_height || sides > INT32_MAX || (uint64_t)bytes / p->block_height < row)
    end_image(p->image, STATUS_IMAGE);
  p->block_bytes = (uint64_t)bytes;
  uint64_t across = (p->width - 1) / p->block_width + 1, down = (p->height - 1) / p->block_height + 1, work;
  if (__builtin_mul_overflow(across * down, p->block_bytes, &work) || work / 2 > (uint64_t)p->image->memory)
    end_image(p->image, STATUS_MEMORY); // large tiles of which the picture takes little
  p->blocks = need_memory(p->image, planes, p->block_bytes);
}

// Every plane of the block that begins at row y and column x.
static void read_block(const Picture *p, uint32_t y, uint32_t x, uint32_t rows) {
  unsigned planes = p->planar ? p->samples : 1, together = p->planar ? 1 : p->samples;
  uint64_t needed = ((uint64_t)p->block_width * together * p->bits + 7) / 8 * rows;
  for (unsigned i = 0; i < planes; i++) {
    uint8_t *to = p->blocks + i * p->block_bytes;
    tmsize_t size = (tmsize_t)p->block_bytes;
    uint32_t index =
        p->tiled ? TIFFComputeTile(p->tiff, x, y, 0, (uint16_t)i) : TIFFComputeStrip(p->tiff, y, (uint16_t)i);
    if (!TIFFGetStrileOffset(p->tiff, index)) end_image(p->image, STATUS_IMAGE); // the file's list is too short
    tmsize_t got =
        p->tiled ? TIFFReadEncodedTile(p->tiff, index, to, size) : TIFFReadEncodedStrip(p->tiff, index, to, size);
    if (got < 0 || (uint64_t)got < needed) end_image(p->image, STATUS_IMAGE);
  }
}

// A sample of row y, column x of the block: of 16 bits the upper 8.
static unsigned get_sample(const Picture *p, uint32_t y, uint32_t x, unsigned sample) {
  const uint8_t *plane = p->blocks + (p->planar ? sample * p->block_bytes : 0);
  uint64_t together = p->planar ? 1 : p->samples, row = (p->block_width * together * p->bits + 7) / 8;
  uint64_t index = x * together + (p->planar ? 0 : sample), bit = index * p->bits;
  const uint8_t *at = plane + y * row + bit / 8;
  if (p->bits == 16) return at[1]; // in this machine's order
  return *at >> (8 - p->bits - bit % 8) & ((1u << p->bits) - 1);
}

static void get_pixel(const Picture *p, uint32_t y, uint32_t x, uint8_t *rgb) {
  uint8_t inks[4];
  unsigned first = get_sample(p, y, x, 0), most = p->bits < 8 ? (1u << p->bits) - 1 : 255, alpha = 255;
  switch (p->photometric) {
  case PHOTOMETRIC_MINISWHITE:
  case PHOTOMETRIC_MINISBLACK:
    if (p->photometric == PHOTOMETRIC_MINISWHITE) first = most - first;
    memset(rgb, (int)(first * 255 / most), 3);
    break;
  case PHOTOMETRIC_PALETTE:
    for (int i = 0; i < 3; i++) rgb[i] = (uint8_t)(p->palette[i][first] >> 8);
    break;
  case PHOTOMETRIC_RGB:
    if (p->samples == 4 && p->extra == EXTRASAMPLE_ASSOCALPHA) alpha = get_sample(p, y, x, 3);
    for (unsigned i = 0; i < 3; i++) {
      unsigned value = get_sample(p, y, x, i) * (alpha ? 255 : 0) / (alpha ? alpha : 1);
      rgb[i] = (uint8_t)(value < 255 ? value : 255);
    }
    break;
  default:
    for (unsigned i = 0; i < 4; i++) inks[i] = (uint8_t)get_sample(p, y, x, i);
    convert_cmyk(inks, rgb);
  }
}

void decode_tiff(Image *image) {
  Picture p = {.image = image};
  p.tiff =
      TIFFClientOpen("", "r", image, read_bytes, write_bytes, seek_byte, close_bytes, get_size, map_bytes, unmap_bytes);
  if (!p.tiff) end_image(image, STATUS_IMAGE);
  read_tags(&p);
  read_layout(&p);
  uint8_t *row = need_memory(image, p.block_width, 3);
  for (uint32_t top = 0; top < p.height; top += p.block_height) {
    uint32_t rows = p.height - top < p.block_height ? p.height - top : p.block_height;
    for (uint32_t left = 0; left < p.width; left += p.block_width) {
      uint32_t columns = p.width - left < p.block_width ? p.width - left : p.block_width;
      read_block(&p, top, left, rows);
      for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t x = 0; x < columns; x++) get_pixel(&p, y, x, row + 3 * (size_t)x);
        put_pixels(image, top + y, left, columns, row, 3);
      }
    }
  }
}
