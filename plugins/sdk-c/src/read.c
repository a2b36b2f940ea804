/* Reading: every access is within what is left. */

#include <string.h>

#include "fixstream.h"

fs_bytes fs_payload(const fs_message *message) {
  /* never NULL, so that an empty payload is one empty field */
  static const uint8_t nothing[1];
  if (message->payload.len == 0) return (fs_bytes){nothing, 0};
  return (fs_bytes){message->payload.ptr, message->payload.len};
}

bool fs_setting(const fs_message *message, const char *name, fs_bytes *value) {
  for (size_t i = 0; i < message->context.len; i++) {
    const decoder_tuple2_string_string_t *entry = &message->context.ptr[i];
    if (!fs_is((fs_bytes){entry->f0.ptr, entry->f0.len}, name)) continue;
    fs_bytes found = fs_trimmed((fs_bytes){entry->f1.ptr, entry->f1.len});
    if (found.left == 0) return false;
    *value = found;
    return true;
  }
  return false;
}

bool fs_take(fs_bytes *from, size_t count, fs_bytes *taken) {
  if (count > from->left) return false;
  *taken = (fs_bytes){from->at, count};
  from->at += count;
  from->left -= count;
  return true;
}

bool fs_uint_be(fs_bytes *from, size_t width, uint64_t *value) {
  fs_bytes bytes;
  if (width < 1 || width > 8 || !fs_take(from, width, &bytes)) return false;
  uint64_t number = 0;
  for (size_t i = 0; i < width; i++) number = number << 8 | bytes.at[i];
  *value = number;
  return true;
}

bool fs_uint_le(fs_bytes *from, size_t width, uint64_t *value) {
  fs_bytes bytes;
  if (width < 1 || width > 8 || !fs_take(from, width, &bytes)) return false;
  uint64_t number = 0;
  for (size_t i = width; i > 0; i--) number = number << 8 | bytes.at[i - 1];
  *value = number;
  return true;
}

/* The number in two's complement of so many bytes. */
static int64_t extended(uint64_t number, size_t width) {
  unsigned unused = 64 - 8 * (unsigned)width;
  return (int64_t)(number << unused) >> unused;
}

bool fs_int_be(fs_bytes *from, size_t width, int64_t *value) {
  uint64_t number;
  if (!fs_uint_be(from, width, &number)) return false;
  *value = extended(number, width);
  return true;
}

bool fs_int_le(fs_bytes *from, size_t width, int64_t *value) {
  uint64_t number;
  if (!fs_uint_le(from, width, &number)) return false;
  *value = extended(number, width);
  return true;
}

bool fs_field(fs_bytes *from, char separator, fs_bytes *field) {
  if (from->at == NULL) return false;
  for (size_t i = 0; i < from->left; i++) {
    if (from->at[i] != (uint8_t)separator) continue;
    *field = (fs_bytes){from->at, i};
    from->at += i + 1;
    from->left -= i + 1;
    return true;
  }
  *field = *from;
  *from = (fs_bytes){NULL, 0};
  return true;
}

static bool is_blank(uint8_t byte) { return byte <= ' ' || byte == 0x7f; }

fs_bytes fs_trimmed(fs_bytes bytes) {
  while (bytes.left > 0 && is_blank(bytes.at[0])) {
    bytes.at++;
    bytes.left--;
  }
  while (bytes.left > 0 && is_blank(bytes.at[bytes.left - 1])) bytes.left--;
  return bytes;
}

bool fs_starts_with(fs_bytes bytes, const char *text) {
  size_t length = strlen(text);
  return bytes.left >= length && memcmp(bytes.at, text, length) == 0;
}

bool fs_is(fs_bytes bytes, const char *text) {
  return bytes.left == strlen(text) && fs_starts_with(bytes, text);
}

enum { MOST_DIGITS = 18 };

/* Takes a sign; whether it is a minus. */
static bool take_minus(fs_bytes *digits) {
  if (digits->left == 0 || (digits->at[0] != '-' && digits->at[0] != '+')) return false;
  bool minus = digits->at[0] == '-';
  digits->at++;
  digits->left--;
  return minus;
}

bool fs_integer(fs_bytes digits, int64_t *value) {
  bool minus = take_minus(&digits);
  if (digits.left < 1 || digits.left > MOST_DIGITS) return false;
  int64_t number = 0;
  for (size_t i = 0; i < digits.left; i++) {
    if (digits.at[i] < '0' || digits.at[i] > '9') return false;
    number = number * 10 + (digits.at[i] - '0');
  }
  *value = minus ? -number : number;
  return true;
}

bool fs_decimal(fs_bytes digits, double *value) {
  bool minus = take_minus(&digits), in_fraction = false;
  int64_t number = 0;
  double scale = 1;
  size_t kept = 0, whole = 0, fraction = 0;
  for (size_t i = 0; i < digits.left; i++) {
    uint8_t byte = digits.at[i];
    if (byte == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    if (byte < '0' || byte > '9') return false;
    in_fraction ? fraction++ : whole++;
    if (kept == MOST_DIGITS) {
      if (!in_fraction) return false;
      continue;
    }
    number = number * 10 + (byte - '0');
    kept++;
    /* powers of ten up to 1e22 are exact, so there is but one rounding for up to 15 digits */
    if (in_fraction) scale *= 10;
  }
  if (whole == 0 || (in_fraction && fraction == 0)) return false;
  double magnitude = (double)number / scale;
  *value = minus ? -magnitude : magnitude;
  return true;
}
