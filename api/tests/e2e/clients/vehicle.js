// A vehicle from its registration to its history, through openapi-fetch with the types that openapi-typescript made
// of the two OpenAPI documents. The compiler judges this file before node runs it. Arguments: base address, API key.
// Prints the ids of what it made.
// @ts-check

import createClient from "openapi-fetch";

/** @typedef {import("openapi-fetch").Client<import("./v1.d.ts").paths>} Resources */
/** @typedef {import("openapi-fetch").Client<import("./trackerhub.d.ts").paths>} Documented */

const [baseUrl = "", apikey = ""] = process.argv.slice(2);
const options = { baseUrl, headers: { apikey } };
const PATIENCE_MS = 60_000;

/**
 * @param {boolean} holds
 * @param {unknown} shown
 * @returns {asserts holds}
 */
function check(holds, shown) {
  if (!holds) throw new Error(`not as expected: ${JSON.stringify(shown)}`);
}

/**
 * What was answered, when it is no refusal.
 * @template T
 * @param {{ data?: T, error?: unknown, response: Response }} answer
 * @param {number} status
 * @returns {NonNullable<T>}
 */
function good({ data, error, response }, status) {
  if (response.status !== status || data === undefined || data === null) {
    throw new Error(`${response.status}: ${JSON.stringify(error ?? data)}`);
  }
  return data;
}

/**
 * The first answer that is one: a position takes a moment from the journal to where it is read.
 * @template T
 * @param {() => Promise<T | undefined>} ask
 * @returns {Promise<T>}
 */
async function eventually(ask) {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; ) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it does not come");
}

const hourAgo = new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000);

/** The resource surface. */
async function resources() {
  /** @type {Resources} */
  const hub = createClient(options);
  const types = good(await hub.GET("/v1/device-types", { params: { query: { code: "MACHINE" } } }), 200);
  const [machine] = types.content;
  check(machine !== undefined, types);

  const box = { name: "box", imei: "352093081452301" };
  const tracker = good(await hub.POST("/v1/trackers", { body: box }), 201);
  check(tracker.imei === box.imei && tracker.deviceId === null, tracker);
  const digger = { name: "digger", trackerId: tracker.id, typeId: machine.id, code: "ABC-1234" };
  const device = good(await hub.POST("/v1/devices", { body: digger }), 201);
  check(device.typeId === machine.id && device.status === "active", device);

  const time = hourAgo.toISOString();
  const fix = { deviceId: device.id, latitude: -33.45, longitude: -70.66, time, speedKmh: 36.5, ignition: true };
  const sent = good(await hub.POST("/v1/positions", { body: fix }), 201);

  const path = { id: device.id };
  const latest = await eventually(async () => (await hub.GET("/v1/devices/{id}/latest", { params: { path } })).data);
  check(latest.id === sent.id && latest.deviceName === "digger" && latest.speedKmh === 36.5, latest);
  check(latest.latitude === -33.45 && latest.longitude === -70.66, latest);
  const one = await hub.GET("/v1/positions/{id}", { params: { path: { id: sent.id } } });
  const stored = good(one, 200);
  check(stored.verdict === "ok" && stored.ignition === true && stored.time === time, stored);
  const to = new Date(hourAgo.getTime() + 1000).toISOString();
  const page = good(
    await hub.GET("/v1/devices/{id}/positions", { params: { path, query: { from: time, to, verdict: "trusted" } } }),
    200,
  );
  check(page.content.length === 1 && page.content[0]?.id === sent.id && page.next === null, page);

  const taken = await hub.POST("/v1/trackers", { body: box });
  check(taken.error?.status === 409 && taken.error.code === "tracker_already_exists", taken.error);
  const broken = await hub.POST("/v1/trackers", { body: { name: "", imei: "1234567890123456" } });
  const found = broken.error?.violations?.map(({ field, code }) => `${field} ${code}`);
  check(broken.error?.code === "constraint_violation", broken.error);
  check(found?.join() === "name field_must_not_be_empty,imei field_max_length_exceeded", found);
  return device.id;
}

/** The TrackerHub surface, whose creates answer without an id. */
async function documented() {
  /** @type {Documented} */
  const hub = createClient(options);
  const vehicle = good(await hub.GET("/device-type"), 200).find(({ code }) => code === "VEHICLE");
  check(vehicle !== undefined, vehicle);

  const box = { trackerName: "box 2", imei: "352093081452302", trackerDesc: "spare" };
  const made = good(await hub.POST("/tracker", { body: box }), 201);
  check(made.message === "Tracker created successfully", made);
  const [tracker] = good(await hub.GET("/tracker", { params: { query: { imei: box.imei } } }), 200);
  check(tracker !== undefined, tracker);
  const van = { idTracker: tracker.id_tracker, idWorksite: 1, idTeam: 1, deviceName: "van", deviceUuid: "chassis" };
  good(await hub.POST("/device/create", { body: { ...van, idType: vehicle.id_device_type } }), 201);
  const [device] = good(await hub.POST("/device/list", { body: { deviceUuid: "chassis" } }), 200);
  check(device !== undefined, device);

  const place = { idDevice: device.id_device, latitude: 25.997053, longitude: -97.155282 };
  const fix = { ...place, createdAt: hourAgo.toISOString(), velocity: 60.5, engineStatus: true };
  good(await hub.POST("/position/create", { body: fix }), 201);
  const path = { deviceId: device.id_device };
  const latest = await eventually(
    async () => good(await hub.GET("/latest-positions/{deviceId}", { params: { path } }), 200)[0],
  );
  check(latest.deviceUuid === "chassis" && latest.latitude === 25.997053 && latest.velocity === 60.5, latest);
  const query = { idDevice: device.id_device };
  const stored = await eventually(async () => good(await hub.GET("/position", { params: { query } }), 200)[0]);
  check(stored.idPosition === latest.idPosition && stored.engineStatus === true, stored);
  check(stored.createdAt === fix.createdAt, stored);

  const taken = await hub.POST("/tracker", { body: box });
  check(taken.response.status === 409, taken.error);
  check(taken.error?.error.error_code === "ENTITY_WITH_FIELD_ALREADY_EXISTS", taken.error);
  const wrong = await hub.POST("/position/create", { body: { ...place, latitude: 91 } });
  check(wrong.error?.error.error_code === "VALUE_ABOVE_MAXIMUM" && wrong.error.error.field === "latitude", wrong.error);
  return device.id_device;
}

/**
 * Never called: the compiler must refuse every line of it, or the types judge nothing.
 * @param {Resources} hub
 * @param {Documented} other
 */
export async function refused(hub, other) {
  // @ts-expect-error no such path
  await hub.GET("/v1/vehicles");
  // @ts-expect-error no such method there
  await hub.PUT("/v1/trackers", { body: { name: "box" } });
  // @ts-expect-error a tracker needs a name
  await hub.POST("/v1/trackers", { body: { imei: "1" } });
  // @ts-expect-error a number, not a text
  await hub.POST("/v1/positions", { body: { deviceId: 1, latitude: "1", longitude: 2 } });
  // @ts-expect-error no such verdict
  await hub.GET("/v1/devices/{id}/positions", { params: { path: { id: 1 }, query: { verdict: "fine" } } });
  // @ts-expect-error whose?
  await hub.GET("/v1/devices/{id}/latest");
  const { data, error } = await hub.GET("/v1/positions/{id}", { params: { path: { id: 1 } } });
  // @ts-expect-error a speed may be unknown
  data?.speedKmh.toFixed();
  // @ts-expect-error no such field in an answer
  data?.velocity;
  // @ts-expect-error nor in an error
  error?.error_code;
  // @ts-expect-error the other surface has another spelling
  await other.POST("/tracker", { body: { name: "box" } });
}

console.log(JSON.stringify({ devices: [await resources(), await documented()] }));
