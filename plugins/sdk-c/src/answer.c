/* Answers, and the two functions that the host calls. */

#include <stdlib.h>
#include <string.h>

#include "fixstream.h"

enum {
  MOST_POSITIONS = 1024,
  MOST_ATTRIBUTES = 256,
  MOST_WARNINGS = 16,
  LONGEST_TEXT = 4096,
  LONGEST_DEVICE = 128,
  /* room of a list at first */
  FIRST_ROOM = 4,
};

#ifdef __wasm__
/* Version of the contract, readable without compiling or running the component. */
__asm__(".section \".custom_section.fixstream:decoder-api\",\"\",@\n.byte 1, 0, 0\n");
#endif

static decoder_string_t literal(const char *text) {
  return (decoder_string_t){(uint8_t *)text, strlen(text)};
}

/* Room for one more item behind the `count` items of a list, zeroed. The room is a power of two: it doubles
 * when it is used up, because nothing is freed and each time the list moves. */
static void *one_more(void *items, size_t count, size_t size) {
  bool is_full = count == 0 || (count >= FIRST_ROOM && (count & (count - 1)) == 0);
  if (is_full) {
    items = realloc(items, (count == 0 ? FIRST_ROOM : 2 * count) * size);
    if (items == NULL) abort();
  }
  memset((uint8_t *)items + count * size, 0, size);
  return items;
}

void exports_fixstream_decoder_plugin_describe(exports_fixstream_decoder_plugin_descriptor_t *ret) {
  size_t count = fs_decoder.attribute_key_count;
  *ret = (exports_fixstream_decoder_plugin_descriptor_t){
      .name = literal(fs_decoder.name),
      .version = literal(fs_decoder.version),
      .attribute_keys = {calloc(count, sizeof(decoder_string_t)), count},
      .max_batch = fs_decoder.max_batch,
  };
  if (ret->attribute_keys.ptr == NULL) abort();
  for (size_t i = 0; i < count; i++) ret->attribute_keys.ptr[i] = literal(fs_decoder.attribute_keys[i]);
}

void exports_fixstream_decoder_decode_decode_batch(
    exports_fixstream_decoder_decode_list_message_t *batch,
    exports_fixstream_decoder_decode_list_result_decoded_decode_error_t *ret) {
  /* zeroed, an answer is: understood, nothing to locate */
  *ret = (exports_fixstream_decoder_decode_list_result_decoded_decode_error_t){
      calloc(batch->len, sizeof(fs_answer)), batch->len};
  if (ret->ptr == NULL) abort();
  for (size_t i = 0; i < batch->len; i++) fs_decode(&batch->ptr[i], &ret->ptr[i]);
}

static void fail(fs_answer *answer, uint8_t tag, const char *reason) {
  memset(answer, 0, sizeof *answer);
  answer->is_err = true;
  answer->val.err.tag = tag;
  answer->val.err.val.malformed = literal(reason);
}

void fs_not_mine(fs_answer *answer) { fail(answer, FIXSTREAM_DECODER_TYPES_DECODE_ERROR_NOT_MINE, ""); }

void fs_malformed(fs_answer *answer, const char *reason) {
  fail(answer, FIXSTREAM_DECODER_TYPES_DECODE_ERROR_MALFORMED, reason);
}

void fs_unsupported(fs_answer *answer, const char *reason) {
  fail(answer, FIXSTREAM_DECODER_TYPES_DECODE_ERROR_UNSUPPORTED, reason);
}

fs_position *fs_add_position(fs_answer *answer, double latitude, double longitude) {
  if (answer->is_err) return NULL;
  /* written so that NaN fails */
  if (!(latitude >= -90 && latitude <= 90) || !(longitude >= -180 && longitude <= 180)) {
    fs_malformed(answer, "no such place on earth");
    return NULL;
  }
  fixstream_decoder_types_list_position_t *positions = &answer->val.ok.positions;
  if (positions->len == MOST_POSITIONS) {
    fs_malformed(answer, "too many positions");
    return NULL;
  }
  positions->ptr = one_more(positions->ptr, positions->len, sizeof(fs_position));
  fs_position *position = &positions->ptr[positions->len++];
  FS_SET(position->latitude, latitude);
  FS_SET(position->longitude, longitude);
  return position;
}

bool fs_set_device(fs_position *position, fs_bytes id) {
  if (id.left < 1 || id.left > LONGEST_DEVICE) return false;
  for (size_t i = 0; i < id.left; i++) {
    uint8_t byte = id.at[i];
    if (byte <= ' ' || byte > '~' || byte == '+' || byte == '#') return false;
  }
  FS_SET(position->device, ((decoder_string_t){(uint8_t *)id.at, id.left}));
  return true;
}

/* Whether a sequence of `length` bytes, whose first one says so, is one character of UTF-8. */
static bool is_character(const uint8_t *at, size_t length) {
  /* the first character that needs so many bytes */
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t character = at[0] & (0xff >> (length + 1));
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return false;
    character = character << 6 | (at[i] & 0x3f);
  }
  bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
  return character >= least[length] && character <= 0x10ffff && !is_surrogate;
}

/* The host takes no answer with a text that is not UTF-8. */
static bool is_text(fs_bytes bytes) {
  if (bytes.left > LONGEST_TEXT) return false;
  while (bytes.left > 0) {
    uint8_t first = bytes.at[0];
    size_t length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (length == 0 || length > bytes.left) return false;
    if (length > 1 && !is_character(bytes.at, length)) return false;
    bytes.at += length;
    bytes.left -= length;
  }
  return true;
}

bool fs_set_event(fs_position *position, fs_bytes event) {
  if (event.left == 0 || !is_text(event)) return false;
  FS_SET(position->event, ((decoder_string_t){(uint8_t *)event.at, event.left}));
  return true;
}

static bool add(fs_position *position, uint32_t key, fixstream_decoder_types_value_t value) {
  fixstream_decoder_types_list_attribute_t *attributes = &position->attributes;
  if (attributes->len == MOST_ATTRIBUTES || key >= fs_decoder.attribute_key_count) return false;
  attributes->ptr = one_more(attributes->ptr, attributes->len, sizeof(fixstream_decoder_types_attribute_t));
  attributes->ptr[attributes->len++] = (fixstream_decoder_types_attribute_t){
      .key = {.tag = FIXSTREAM_DECODER_TYPES_ATTRIBUTE_KEY_DECLARED, .val.declared = key},
      .value = value,
  };
  return true;
}

bool fs_add_flag(fs_position *position, uint32_t key, bool value) {
  return add(position, key,
             (fixstream_decoder_types_value_t){.tag = FIXSTREAM_DECODER_TYPES_VALUE_FLAG, .val.flag = value});
}

bool fs_add_integer(fs_position *position, uint32_t key, int64_t value) {
  return add(
      position, key,
      (fixstream_decoder_types_value_t){.tag = FIXSTREAM_DECODER_TYPES_VALUE_INTEGER, .val.integer = value});
}

bool fs_add_real(fs_position *position, uint32_t key, double value) {
  /* the difference is NaN for what is not finite */
  if (value - value != 0) return false;
  return add(position, key,
             (fixstream_decoder_types_value_t){.tag = FIXSTREAM_DECODER_TYPES_VALUE_REAL, .val.real = value});
}

bool fs_add_text(fs_position *position, uint32_t key, fs_bytes value) {
  if (!is_text(value)) return false;
  decoder_string_t text = {(uint8_t *)value.at, value.left};
  return add(position, key,
             (fixstream_decoder_types_value_t){.tag = FIXSTREAM_DECODER_TYPES_VALUE_TEXT, .val.text = text});
}

static bool set_bytes(fs_answer *answer, decoder_option_list_u8_t *field, fs_bytes bytes) {
  if (answer->is_err || bytes.left > LONGEST_TEXT) return false;
  FS_SET(*field, ((decoder_list_u8_t){(uint8_t *)bytes.at, bytes.left}));
  return true;
}

bool fs_set_reply(fs_answer *answer, fs_bytes reply) { return set_bytes(answer, &answer->val.ok.reply, reply); }

bool fs_set_state(fs_answer *answer, fs_bytes state) { return set_bytes(answer, &answer->val.ok.state, state); }

bool fs_warn(fs_answer *answer, const char *reason) {
  decoder_list_string_t *warnings = &answer->val.ok.warnings;
  if (answer->is_err || warnings->len == MOST_WARNINGS) return false;
  warnings->ptr = one_more(warnings->ptr, warnings->len, sizeof(decoder_string_t));
  warnings->ptr[warnings->len++] = literal(reason);
  return true;
}
