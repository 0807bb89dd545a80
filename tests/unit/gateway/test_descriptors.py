import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2

from lobby.options.v1.options_pb2 import PERMISSION_PUBLIC, Permission, permission
from lobby_gateway import contract, descriptors, roles


def test_every_rpc_with_a_path_is_a_route_with_a_permission_and_a_comment():
    offered = {
        method.full_name
        for module in contract.service_modules()
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.GetOptions().HasExtension(annotations_pb2.http)
    }
    routes = descriptors.routes()
    assert {route.rpc for route in routes} == offered
    assert len(offered) > 35
    for route in routes:
        assert route.permission in Permission.values()
        assert contract.comments()[route.rpc]
        assert route.template.text.startswith("/v1/")


def test_a_get_has_no_body_and_changes_nothing_by_name():
    for route in descriptors.routes():
        if route.verb == "GET":
            assert not route.takes_body
            assert route.rpc.rpartition(".")[2].startswith(("Get", "List"))


def test_an_id_that_nothing_can_have_gets_the_reason_of_its_rpc():
    reasons = {
        (route.template.text, variable): route.not_found_reason(variable)
        for route in descriptors.routes()
        for variable in route.template.variables
    }
    assert reasons["/v1/conversations/{conversation_id}:seen", "conversation_id"] == "CONVERSATION_NOT_FOUND"
    assert reasons["/v1/quarantine/{quarantine_id}:retry", "quarantine_id"] == "QUARANTINE_ITEM_NOT_FOUND"
    assert all(reason.endswith("NOT_FOUND") for reason in reasons.values())


def test_every_permission_is_held_by_somebody_and_owners_hold_all():
    permissions = set(Permission.values()) - {0, PERMISSION_PUBLIC}
    assert roles.PERMISSIONS[roles.OWNER] == permissions
    assert set().union(*roles.PERMISSIONS.values()) == permissions


def test_an_unknown_role_may_do_and_see_nothing():
    assert not any(roles.may("intruder", permission) for permission in Permission.values())
    assert roles.sight("intruder").texts is roles.Shown.NOTHING


def test_one_call_needs_no_key_and_no_role_holds_that():
    public = [
        f"{each.verb} {each.template.text}" for each in descriptors.routes() if each.permission == PERMISSION_PUBLIC
    ]
    assert public == ["POST /v1/links/{token}:open"]
    assert not any(roles.may(role, PERMISSION_PUBLIC) for role in roles.PERMISSIONS)
    assert roles.sight(roles.NOBODY) == roles.sight("intruder")


def test_an_rpc_of_another_service_cannot_be_public():
    options = descriptor_pb2.MethodOptions()
    options.Extensions[annotations_pb2.http].get = "/v1/open"
    options.Extensions[permission] = PERMISSION_PUBLIC
    file = descriptor_pb2.FileDescriptorProto(name="open.proto", package="lobby.counter.v1")
    file.dependency.extend(["google/protobuf/empty.proto"])
    service = file.service.add(name="OpenService")
    service.method.add(
        name="Open", input_type=".google.protobuf.Empty", output_type=".google.protobuf.Empty", options=options
    )
    pool = descriptor_pool.DescriptorPool()
    for known in (empty_pb2.DESCRIPTOR,):
        pool.AddSerializedFile(known.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    made = pool.FindServiceByName("lobby.counter.v1.OpenService")
    with pytest.raises(ValueError, match="only the gateway's own"):
        list(descriptors._routes_of(made, made.methods[0]))
