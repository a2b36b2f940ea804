/* The SDK's functions and the example, natively and under the sanitizers: ./test builds and runs it.
 * src/memory.c is for WASM only; here the system's library has its place. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixstream.h"

static int failures;
#define CHECK(condition) \
  ((condition) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

static fs_bytes bytes_of(const char *text) { return (fs_bytes){(const uint8_t *)text, strlen(text)}; }

static void numbers_of_every_width(void) {
  static const uint8_t raw[] = {0xff, 0xfe, 0x80, 0x01, 0, 0, 0, 2, 9};
  uint64_t number;
  int64_t integer;
  fs_bytes at = {raw, sizeof raw};
  CHECK(fs_uint_be(&at, 1, &number) && number == 0xff && at.left == 8);
  CHECK(fs_uint_be(&at, 2, &number) && number == 0xfe80);
  CHECK(fs_uint_le(&at, 3, &number) && number == 1);
  CHECK(!fs_uint_be(&at, 4, &number) && at.left == 3 && number == 1);
  CHECK(!fs_uint_be(&at, 0, &number) && !fs_uint_be(&at, 9, &number));
  at = (fs_bytes){raw, sizeof raw};
  CHECK(fs_int_be(&at, 2, &integer) && integer == -2);
  CHECK(fs_int_le(&at, 1, &integer) && integer == -128);
  at = (fs_bytes){raw, sizeof raw};
  CHECK(fs_int_le(&at, 2, &integer) && integer == -257);
  at = (fs_bytes){raw, sizeof raw};
  CHECK(fs_int_be(&at, 8, &integer) && integer == (int64_t)0xfffe800100000002);
  at = (fs_bytes){raw, sizeof raw};
  CHECK(fs_uint_le(&at, 8, &number) && number == 0x020000000180feff);
}

static void fields_as_they_are_separated(void) {
  static const char *const lines[][5] = {
      {"a,,b", "a", "", "b"}, {",", "", ""}, {"", ""}, {"a,b,", "a", "b", ""}, {"abc", "abc"}};
  for (size_t line = 0; line < sizeof lines / sizeof lines[0]; line++) {
    fs_bytes rest = bytes_of(lines[line][0]), field;
    size_t count = 0;
    while (fs_field(&rest, ',', &field)) {
      count++;
      CHECK(count < 5 && lines[line][count] != NULL && fs_is(field, lines[line][count]));
    }
    CHECK(count == 4 || lines[line][count + 1] == NULL);
  }
  CHECK(fs_is(fs_trimmed(bytes_of(" \r\n a b\t\n")), "a b"));
  CHECK(fs_trimmed(bytes_of(" \n ")).left == 0);
  CHECK(fs_starts_with(bytes_of("abc"), "ab") && !fs_starts_with(bytes_of("a"), "ab") && !fs_is(bytes_of("abc"), "ab"));
}

static void plain_numbers_only(void) {
  static const struct { const char *text; double value; } right[] = {
      {"-5.40", -5.4}, {"+28", 28}, {"0", 0}, {"-33.4489", -33.4489}, {"179.999999", 179.999999},
      {"1.1234567890123456789012345", 1.1234567890123457}, {"123456789012345678", 123456789012345678.0},
      {"0.000000000000000000001", 0}};
  static const char *const wrong[] = {"", "-", ".5", "5.", ".", "1e3", "NaN", " 1", "1 ", "1.2.3", "--1", "+-1", "0x1",
                                      "1234567890123456789"};
  double value;
  int64_t integer;
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
    CHECK(fs_decimal(bytes_of(right[i].text), &value) && fabs(value - right[i].value) < 1e-15 * (1 + fabs(value)));
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    CHECK(!fs_decimal(bytes_of(wrong[i]), &value));
    CHECK(!fs_integer(bytes_of(wrong[i]), &integer));
  }
  CHECK(fs_integer(bytes_of("-999999999999999999"), &integer) && integer == -999999999999999999);
  CHECK(!fs_integer(bytes_of("1.0"), &integer));
}

static void settings_by_name(void) {
  decoder_tuple2_string_string_t context[] = {
      {{(uint8_t *)"model", 5}, {(uint8_t *)" X1 ", 4}}, {{(uint8_t *)"zone", 4}, {(uint8_t *)" ", 1}}};
  fs_message message = {.context = {context, 2}};
  fs_bytes value;
  CHECK(fs_setting(&message, "model", &value) && fs_is(value, "X1"));
  CHECK(!fs_setting(&message, "zone", &value) && !fs_setting(&message, "mode", &value));
  fs_bytes payload = fs_payload(&message), field;
  CHECK(payload.left == 0 && fs_field(&payload, ',', &field) && !fs_field(&payload, ',', &field));
}

static void answers_within_the_contract(void) {
  fs_answer answer = {0};
  CHECK(fs_add_position(&answer, NAN, 0) == NULL && answer.is_err);
  CHECK(answer.val.err.tag == FIXSTREAM_DECODER_TYPES_DECODE_ERROR_MALFORMED);
  CHECK(fs_add_position(&answer, 0, 0) == NULL && !fs_warn(&answer, "x") && !fs_set_reply(&answer, bytes_of("x")));
  static const double places[][2] = {{90.1, 0}, {-90.1, 0}, {0, 180.1}, {0, -180.1}, {INFINITY, 0}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    answer = (fs_answer){0};
    CHECK(fs_add_position(&answer, places[i][0], places[i][1]) == NULL && answer.is_err);
  }

  answer = (fs_answer){0};
  for (int i = 0; i < 1024; i++) CHECK(fs_add_position(&answer, i % 90, 0) != NULL);
  CHECK(answer.val.ok.positions.len == 1024 && answer.val.ok.positions.ptr[1023].latitude.val == 1023 % 90);
  CHECK(!answer.val.ok.positions.ptr[17].device.is_some);
  for (int i = 0; i < 16; i++) CHECK(fs_warn(&answer, "x"));
  CHECK(!fs_warn(&answer, "x"));

  fs_position *position = &answer.val.ok.positions.ptr[0];
  CHECK(!fs_add_integer(position, (uint32_t)fs_decoder.attribute_key_count, 1));
  CHECK(!fs_add_real(position, 0, NAN) && !fs_add_real(position, 0, -INFINITY) && position->attributes.len == 0);
  for (int i = 0; i < 256; i++) CHECK(fs_add_integer(position, 0, i));
  CHECK(!fs_add_flag(position, 0, true) && position->attributes.ptr[200].value.val.integer == 200);
  CHECK(fs_add_position(&answer, 0, 0) == NULL && answer.is_err);
}

static void texts_are_utf8(void) {
  static const char *const right[] = {"", "a", "\u00e9", "\u20ac", "\U0001f69a", "\U0010ffff", "a\u00e9b"};
  static const char *const wrong[] = {"\x80", "\xff", "\xc3", "\xc3(", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xf0\x8f\xbf\xbf", "\xe2\x82", "a\xf8\x88\x80\x80\x80"};
  fs_position position = {0};
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) CHECK(fs_add_text(&position, 0, bytes_of(right[i])));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) CHECK(!fs_add_text(&position, 0, bytes_of(wrong[i])));
  char *text = malloc(4097);
  memset(text, 'x', 4097);
  CHECK(fs_set_event(&position, (fs_bytes){(uint8_t *)text, 4096}) && !fs_set_event(&position, (fs_bytes){(uint8_t *)text, 4097}));
  CHECK(!fs_set_event(&position, bytes_of("")));
  CHECK(fs_set_device(&position, (fs_bytes){(uint8_t *)text, 128}) && !fs_set_device(&position, (fs_bytes){(uint8_t *)text, 129}));
  static const char *const ids[] = {"", "a b", "a+", "#", "\u00e9", "a\n", "\x7f"};
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) CHECK(!fs_set_device(&position, bytes_of(ids[i])));
  free(text);
}

/* xorshift64: the same in every run. */
static uint64_t state = 0x9e3779b97f4a7c15;
static size_t below(size_t bound) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (size_t)(state % bound);
}

/* Decodes a payload in a block of its own, so that the sanitizer sees the first byte too many. */
static void decode(const uint8_t *payload, size_t length) {
  fs_message message = {.payload = {malloc(length), length}};
  memcpy(message.payload.ptr, payload, length);
  exports_fixstream_decoder_decode_list_message_t batch = {&message, 1};
  exports_fixstream_decoder_decode_list_result_decoded_decode_error_t answers;
  exports_fixstream_decoder_decode_decode_batch(&batch, &answers);
  CHECK(answers.len == 1);
  if (!answers.ptr->is_err) {
    fixstream_decoder_types_list_position_t *positions = &answers.ptr->val.ok.positions;
    for (size_t i = 0; i < positions->len; i++) free(positions->ptr[i].attributes.ptr);
    free(positions->ptr);
    free(answers.ptr->val.ok.warnings.ptr);
  }
  free(answers.ptr);
  free(message.payload.ptr);
}

static void broken_lines_do_no_harm(void) {
  static const char line[] = "truck-7,-33.4489,-70.6693,42.5,1717243200,12.61,-4.5\r\ntruck-8,,,,\n";
  enum { LENGTH = sizeof line - 1 };
  for (size_t length = 0; length <= LENGTH; length++) decode((const uint8_t *)line, length);
  for (int round = 0; round < 200000; round++) {
    uint8_t payload[LENGTH];
    memcpy(payload, line, LENGTH);
    for (size_t edits = 1 + below(4); edits > 0; edits--) {
      static const char likely[] = ",.-+\n 0195";
      payload[below(LENGTH)] = below(2) ? (uint8_t)below(256) : (uint8_t)likely[below(sizeof likely - 1)];
    }
    decode(payload, below(LENGTH + 1));
  }
}

int main(void) {
  numbers_of_every_width();
  fields_as_they_are_separated();
  plain_numbers_only();
  settings_by_name();
  answers_within_the_contract();
  texts_are_utf8();
  broken_lines_do_no_harm();
  return failures == 0 ? 0 : 1;
}
