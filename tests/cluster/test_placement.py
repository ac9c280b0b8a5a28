"""Where streams are to lie: plans that end, and that leave every server with its share."""

from hypothesis import given
from hypothesis import strategies as st

from cluster.placement import Place, next_leader, next_move

SERVERS = [f"nats-{number}" for number in range(1, 7)]


def places_on(sets):
    return [Place(f"comments-{number}", min(servers), frozenset(servers)) for number, servers in enumerate(sets)]


@given(st.lists(st.permutations(SERVERS[:4]).map(lambda order: order[:3]), min_size=1, max_size=20), st.integers(4, 6))
def test_moving_what_is_named_ends_with_as_many_copies_everywhere(sets, count):
    servers, places = SERVERS[:count], places_on(sets)
    for _ in range(3 * len(places) + 1):
        move = next_move(places, servers)
        if move is None:
            break
        held = {server: sum(server in place.servers for place in places) for server in servers}
        place = next(one for one in places if one.stream == move.stream)
        onto = min(set(servers) - place.servers, key=lambda server: held[server])  # as NATS chooses
        places[places.index(place)] = Place(place.stream, place.leader, place.servers - {move.server} | {onto})
    else:
        raise AssertionError("it never ends")
    held = [sum(server in place.servers for place in places) for server in servers]
    assert max(held) - min(held) <= 1
    assert all(len(place.servers) == 3 for place in places)


@given(st.lists(st.permutations(SERVERS[:3]), min_size=1, max_size=20))
def test_naming_leaders_ends_with_as_many_led_by_each(orders):
    places = [Place(f"comments-{number}", order[0], frozenset(order)) for number, order in enumerate(orders)]
    for _ in range(3 * len(places) + 1):
        wanted = next_leader(places)
        if wanted is None:
            break
        places = [Place(one.stream, wanted[1], one.servers) if one.stream == wanted[0] else one for one in places]
    else:
        raise AssertionError("it never ends")
    led = [sum(place.leader == server for place in places) for server in SERVERS[:3]]
    assert max(led) - min(led) <= 1


def test_a_copy_that_does_not_lead_is_moved_first():
    places = [Place("a", "nats-1", frozenset(SERVERS[:3])), Place("b", "nats-2", frozenset(SERVERS[:3]))]
    assert next_move(places, SERVERS[:4]).server == "nats-1"
    assert next_move(places, SERVERS[:4]).stream == "b"


def test_one_server_and_no_streams_are_left_alone():
    assert next_move([Place("a", "nats-1", frozenset(["nats-1"]))], ["nats-1"]) is None
    assert next_move([], SERVERS) is None
    assert next_leader([]) is None
