import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from lobby_common.events import packing
from lobby_common.times import utc_now


@pytest.mark.parametrize(("size", "fits"), [(900 * 1024, True), (1024 * 1024, False)])
def test_an_event_that_the_broker_would_refuse_for_ever_is_refused_where_it_is_told(size, fits):
    def tell():
        return packing.told(BytesValue(value=bytes(size)), workspace_id="w", key="k", event_id="e", time=utc_now())

    if fits:
        assert tell().size > size
    else:
        with pytest.raises(packing.EventTooLarge, match=r"google\.protobuf\.BytesValue"):
            tell()
