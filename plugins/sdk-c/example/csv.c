/* Comma separated lines, as small trackers and scripts send them, one fix a line:
 *
 *     id,latitude,longitude,speed,time[,battery[,cabin temperature]]
 *     truck-7,-33.4489,-70.6693,42.5,1717243200,12.6,21
 *
 * Degrees WGS 84, km/h, seconds since 1970 UTC, volts, degrees Celsius. Speed, time and all behind them may
 * be empty. A line with both coordinates empty has nothing to locate. */

#include "fixstream.h"

enum { CABIN_TEMPERATURE, KEYS };
static const char *const keys[KEYS] = {[CABIN_TEMPERATURE] = "cabin_temperature_c"};

const fs_facts fs_decoder = {
    .name = "csv",
    .version = "1.0.0",
    .attribute_keys = keys,
    .attribute_key_count = KEYS,
    .max_batch = 64,
};

enum { ID, LATITUDE, LONGITUDE, SPEED, TIME, BATTERY, TEMPERATURE, MOST_FIELDS, LEAST_FIELDS = BATTERY };

/* 10000-01-01T00:00:00Z */
static const int64_t END_OF_TIME = 253402300800;

/* Whether a field is empty or a number; absent ones beyond the line's end are empty. */
static bool optional(fs_bytes field, double *number, bool *is_there) {
  *is_there = field.left > 0;
  return !*is_there || fs_decimal(field, number);
}

/* Adds the fix of a line to the answer; what is wrong with the line, NULL when nothing is. */
static const char *add_line(fs_bytes line, fs_answer *answer) {
  fs_bytes fields[MOST_FIELDS] = {0}, field;
  size_t count = 0;
  while (fs_field(&line, ',', &field)) {
    if (count == MOST_FIELDS) return "too many fields";
    fields[count++] = fs_trimmed(field);
  }
  if (count < LEAST_FIELDS) return "too few fields";

  double latitude, longitude, speed, battery, temperature;
  bool has_latitude, has_longitude, has_speed, has_battery, has_temperature;
  if (!optional(fields[LATITUDE], &latitude, &has_latitude) ||
      !optional(fields[LONGITUDE], &longitude, &has_longitude) ||
      !optional(fields[SPEED], &speed, &has_speed) || !optional(fields[BATTERY], &battery, &has_battery) ||
      !optional(fields[TEMPERATURE], &temperature, &has_temperature)) {
    return "a field is not a number";
  }
  if (!has_latitude && !has_longitude) return NULL;
  if (!has_latitude || !has_longitude) return "half a place";

  int64_t seconds = 0;
  bool has_time = fields[TIME].left > 0;
  if (has_time && (!fs_integer(fields[TIME], &seconds) || seconds < 0 || seconds >= END_OF_TIME)) {
    return "time is not a number of seconds";
  }

  fs_position *position = fs_add_position(answer, latitude, longitude);
  if (position == NULL) return NULL; /* the answer says why */
  if (!fs_set_device(position, fields[ID])) return "the first field is not an identifier";
  FS_SET(position->valid, true);
  if (has_time) FS_SET(position->time_ms, seconds * 1000);
  if (has_speed && speed >= 0) FS_SET(position->speed_kmh, speed);
  if (has_battery) FS_SET(position->battery_v, battery);
  if (has_temperature) fs_add_real(position, CABIN_TEMPERATURE, temperature);
  return NULL;
}

void fs_decode(const fs_message *message, fs_answer *answer) {
  fs_bytes rest = fs_payload(message), line;
  size_t lines = 0;
  while (!answer->is_err && fs_field(&rest, '\n', &line)) {
    line = fs_trimmed(line);
    if (line.left == 0) continue;
    lines++;
    const char *problem = add_line(line, answer);
    if (problem) fs_malformed(answer, problem);
  }
  if (lines == 0) fs_malformed(answer, "empty payload");
}
