/* Write a fixstream vendor decoder in C: facts and a function.
 *
 *     #include "fixstream.h"
 *
 *     const fs_facts fs_decoder = {.name = "example", .version = "1.0.0", .max_batch = 64};
 *
 *     // i32 latitude and longitude in 1e-7 degrees, big-endian
 *     void fs_decode(const fs_message *message, fs_answer *answer) {
 *       fs_bytes payload = fs_payload(message);
 *       int64_t latitude, longitude;
 *       if (!fs_int_be(&payload, 4, &latitude) || !fs_int_be(&payload, 4, &longitude)) {
 *         fs_malformed(answer, "cut short");
 *         return;
 *       }
 *       fs_add_position(answer, latitude / 1e7, longitude / 1e7);
 *     }
 *
 * In comes one message (raw bytes, channel, context), out go positions or an error. What the fields mean
 * and their units say the comments of bindings/decoder.h, which come from wit/1.0.0/decoder.wit.
 *
 * There is no C library, no import and no memory of earlier calls: all memory lives for one call, so
 * nothing is freed, and an answer may point into its message. A static variable that changes is a mistake.
 * A decoder must not recurse over its input: the stack has 64 KiB.
 *
 * Functions that read or check return false when there is not enough or it is not allowed, and then
 * change nothing. */
#ifndef FIXSTREAM_H
#define FIXSTREAM_H

#include "decoder.h"

typedef fixstream_decoder_types_message_t fs_message;
typedef fixstream_decoder_types_position_t fs_position;

/* What becomes of a message. Before fs_decode it is: understood, nothing to locate. */
typedef exports_fixstream_decoder_decode_result_decoded_decode_error_t fs_answer;

/* A piece of a message; reading moves its beginning. */
typedef struct {
  const uint8_t *at; /* NULL when fs_field has given the last field */
  size_t left;
} fs_bytes;

/* What describe() answers. */
typedef struct {
  const char *name;    /* as in plugin.toml */
  const char *version; /* as in plugin.toml */
  const char *const *attribute_keys;
  size_t attribute_key_count; /* at most 4096 */
  uint32_t max_batch;         /* messages it wants at once, at most */
} fs_facts;

/* These two the decoder defines. fs_decode must be a pure function of the message. */
extern const fs_facts fs_decoder;
void fs_decode(const fs_message *message, fs_answer *answer);

/* ---- the message ---- */

fs_bytes fs_payload(const fs_message *message);

/* The setting of this name, unless it is absent or empty. */
bool fs_setting(const fs_message *message, const char *name, fs_bytes *value);

/* ---- reading ---- */

/* Takes so many bytes. */
bool fs_take(fs_bytes *from, size_t count, fs_bytes *taken);

/* Numbers of 1 to 8 bytes, big- and little-endian, unsigned and in two's complement. */
bool fs_uint_be(fs_bytes *from, size_t width, uint64_t *value);
bool fs_uint_le(fs_bytes *from, size_t width, uint64_t *value);
bool fs_int_be(fs_bytes *from, size_t width, int64_t *value);
bool fs_int_le(fs_bytes *from, size_t width, int64_t *value);

/* Takes what stands before the next separator and the separator with it; the last time all that is left.
 * "a,,b" has three fields. False when the last field was given. */
bool fs_field(fs_bytes *from, char separator, fs_bytes *field);

/* Without blanks and control characters at both ends. */
fs_bytes fs_trimmed(fs_bytes bytes);

bool fs_is(fs_bytes bytes, const char *text);
bool fs_starts_with(fs_bytes bytes, const char *text);

/* The whole piece as a number: an optional sign and digits, for fs_decimal an optional point and
 * fraction. No blanks, no exponent, at most 18 digits (further ones of a fraction are passed over). */
bool fs_integer(fs_bytes digits, int64_t *value);
bool fs_decimal(fs_bytes digits, double *value);

/* ---- the answer ---- */

/* Not this decoder's format. */
void fs_not_mine(fs_answer *answer);

/* This format, but broken; or a variant that the decoder does not know. The reason is a literal. */
void fs_malformed(fs_answer *answer, const char *reason);
void fs_unsupported(fs_answer *answer, const char *reason);

/* One more position, at these WGS 84 degrees. NULL, and the answer is malformed, when there is no such
 * place on earth or there are 1024 already. The next call may move it: fill one before adding another. */
fs_position *fs_add_position(fs_answer *answer, double latitude, double longitude);

/* Fills a field of the position that is a number or a flag: FS_SET(position->speed_kmh, 50.0). Numbers
 * must be finite. */
#define FS_SET(field, value) ((field).val = (value), (field).is_some = true)

/* The device that the payload names: 1 to 128 visible ASCII characters without the wildcards + and #. */
bool fs_set_device(fs_position *position, fs_bytes id);

/* What the message reports, not empty. False when it is not UTF-8 or longer than 4 KiB; the same for
 * the texts below. */
bool fs_set_event(fs_position *position, fs_bytes event);

/* Values without a field of their own; the key is an index into attribute_keys. False when there are
 * 256 already or the number is not finite. */
bool fs_add_flag(fs_position *position, uint32_t key, bool value);
bool fs_add_integer(fs_position *position, uint32_t key, int64_t value);
bool fs_add_real(fs_position *position, uint32_t key, double value);
bool fs_add_text(fs_position *position, uint32_t key, fs_bytes value);

/* Bytes to send back, and bytes that come with the next message of the same device; 4 KiB at most. */
bool fs_set_reply(fs_answer *answer, fs_bytes reply);
bool fs_set_state(fs_answer *answer, fs_bytes state);

/* Something worth counting that is no error. The reason is a literal; 16 at most. */
bool fs_warn(fs_answer *answer, const char *reason);

#endif
