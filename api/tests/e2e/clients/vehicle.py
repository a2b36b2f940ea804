"""A vehicle from its registration to its history, through clients that openapi-python-client made of the two OpenAPI
documents: nothing here knows a path, a header or a field's spelling. Arguments: base address, API key. Prints the ids
of what it made."""

import datetime
import json
import sys
import time

import fixstream_trackerhub as trackerhub
import fixstream_v1 as v1
from fixstream_trackerhub import models as documented
from fixstream_trackerhub.api.device import create_device, list_devices
from fixstream_trackerhub.api.device_type import list_device_types
from fixstream_trackerhub.api.latest_positions import latest_of_one
from fixstream_trackerhub.api.position import create_position, get_positions
from fixstream_trackerhub.api.tracker import create_tracker, list_trackers
from fixstream_v1 import models
from fixstream_v1.api.device_types import list_device_type_resources
from fixstream_v1.api.devices import create_device_resource, v1_get_latest, v1_list_device_positions
from fixstream_v1.api.positions import v1_create_position, v1_get_position
from fixstream_v1.api.trackers import create_tracker_resource

BASE, KEY = sys.argv[1:]
PATIENCE_S = 60


def client(of):
    return of.AuthenticatedClient(
        base_url=BASE,
        token=KEY,
        prefix="",
        auth_header_name="apikey",
        # what a document does not mention is an error here
        raise_on_unexpected_status=True,
    )


def made(answer, kind):
    """The answer, which is of this type."""
    assert isinstance(answer, kind), answer
    return answer


def eventually(ask, wanted):
    """The first answer that is wanted: a position takes a moment from the journal to where it is read."""
    until = time.monotonic() + PATIENCE_S
    while not wanted(answer := ask()):
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    return answer


def hour_ago():
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now - datetime.timedelta(hours=1)).replace(microsecond=0)


def resources():
    """The resource surface."""
    hub = client(v1)
    types = list_device_type_resources.sync(client=hub, code="MACHINE")
    (machine,) = types.content

    new = models.CreateTrackerResourceBody(name="box", imei="352093081452301")
    tracker = made(create_tracker_resource.sync(client=hub, body=new), models.TrackerResource)
    assert (tracker.imei, tracker.device_id) == ("352093081452301", None), tracker
    body = models.CreateDeviceResourceBody(name="digger", tracker_id=tracker.id, type_id=machine.id, code="ABC-1234")
    device = made(create_device_resource.sync(client=hub, body=body), models.DeviceResource)
    assert (device.type_id, device.status) == (machine.id, "active"), device

    fix = models.V1CreatePositionBody(
        device_id=device.id, latitude=-33.45, longitude=-70.66, time=hour_ago(), speed_kmh=36.5, ignition=True
    )
    sent = made(v1_create_position.sync(client=hub, body=fix), models.PositionView)

    latest = eventually(
        lambda: v1_get_latest.sync(device.id, client=hub), lambda answer: isinstance(answer, models.LatestResource)
    )
    assert (latest.id, latest.device_name, latest.device_code) == (sent.id, "digger", "ABC-1234"), latest
    assert (latest.latitude, latest.longitude, latest.speed_kmh) == (-33.45, -70.66, 36.5), latest
    stored = made(v1_get_position.sync(sent.id, client=hub), models.PositionView)
    # times are times, not texts
    assert (stored.verdict, stored.ignition, stored.time) == ("ok", True, fix.time), stored
    assert stored.time <= stored.received, stored
    page = made(
        v1_list_device_positions.sync(
            device.id,
            client=hub,
            from_=fix.time,
            to=fix.time + datetime.timedelta(seconds=1),
            verdict=models.V1ListDevicePositionsVerdict.TRUSTED,
        ),
        models.CursorPage,
    )
    assert page.content == [stored] and page.next_ is None, page

    taken = create_tracker_resource.sync_detailed(client=hub, body=new)
    error = made(taken.parsed, models.Error)
    assert (taken.status_code, error.status, error.code) == (409, 409, "tracker_already_exists"), error
    broken = models.CreateTrackerResourceBody(name="", imei="1234567890123456")
    error = made(create_tracker_resource.sync(client=hub, body=broken), models.Error)
    found = [(one.field, one.code) for one in error.violations]
    assert error.code == "constraint_violation", error
    assert found == [("name", "field_must_not_be_empty"), ("imei", "field_max_length_exceeded")], error
    return device.id


def documented_surface():
    """The TrackerHub surface, whose creates answer without an id."""
    hub = client(trackerhub)
    (vehicle,) = (one for one in list_device_types.sync(client=hub) if one.code == "VEHICLE")

    new = documented.CreateTrackerBody(tracker_name="box 2", imei="352093081452302", tracker_desc="spare")
    answer = made(create_tracker.sync(client=hub, body=new), documented.Success)
    assert answer.message == "Tracker created successfully", answer
    (tracker,) = list_trackers.sync(client=hub, imei="352093081452302")
    body = documented.CreateDeviceBody(
        id_tracker=tracker.id_tracker,
        id_worksite=1,
        id_team=1,
        device_name="van",
        id_type=vehicle.id_device_type,
        device_uuid="chassis",
    )
    made(create_device.sync(client=hub, body=body), documented.Success)
    (device,) = list_devices.sync(client=hub, body=documented.ListDevicesBody(device_uuid="chassis"))

    sent_at = hour_ago()
    fix = documented.CreatePositionBody(
        id_device=device.id_device,
        latitude=25.997053,
        longitude=-97.155282,
        created_at=sent_at.isoformat(),
        velocity=60.5,
        engine_status=True,
    )
    made(create_position.sync(client=hub, body=fix), documented.Success)
    (latest,) = eventually(lambda: latest_of_one.sync(device.id_device, client=hub), lambda answer: answer)
    assert (latest.device_uuid, latest.latitude, latest.velocity) == ("chassis", 25.997053, 60.5), latest
    (stored,) = eventually(
        lambda: get_positions.sync(client=hub, id_device=device.id_device), lambda answer: answer
    )
    assert (stored.id_position, stored.engine_status) == (latest.id_position, True), stored
    assert stored.created_at == sent_at, stored

    taken = create_tracker.sync_detailed(client=hub, body=new)
    error = made(taken.parsed, documented.Error).error
    assert (taken.status_code, error.error_code) == (409, "ENTITY_WITH_FIELD_ALREADY_EXISTS"), error
    assert error.message == "TRACKER already exists with this IMEI", error
    wrong = documented.CreatePositionBody(id_device=device.id_device, latitude=91, longitude=0)
    error = made(create_position.sync(client=hub, body=wrong), documented.Error).error
    assert (error.error_code, error.field) == ("VALUE_ABOVE_MAXIMUM", "latitude"), error
    return device.id_device


print(json.dumps({"devices": [resources(), documented_surface()]}))
