"""The harness's door and the stream: the same answers by other ways."""

from __future__ import annotations

import io
import os
import socket
import stat
import threading

import httpx
import msgspec
import pytest

from live.agents import Gated, bodies, quoting
from obmm.agent import MarketMaker
from obmm.live.doors.stream import SocketDoor, serve_pipe
from obmm.live.session import Session
from obmm.wire import WireError
from obmm.wire.frames import Asked, Frame, Replied, encode_frame, read_frame


def agent() -> MarketMaker:
    """A sound agent that quotes at once."""
    return MarketMaker(quoting())


def asked(number: int, body: bytes, sender: str = "v") -> bytes:
    """A request as a frame."""
    return encode_frame(Frame(Asked(number=number, sender=sender), body))


def replies(stream: io.BytesIO) -> dict[int, bytes]:
    """The replies of a stream by their numbers."""
    stream.seek(0)
    told = {}
    while (frame := read_frame(stream)) is not None:
        assert isinstance(frame.about, Replied)
        told[frame.about.number] = frame.second
    return told


def test_a_pipe_answers_as_the_session_does():
    """Each request by its number, in order per sender."""
    expected, out = Session(agent()), io.BytesIO()
    stream = [(i, body, "ab"[i % 2]) for i, body in enumerate(bodies(1, 6))]
    pipe = io.BytesIO(b"".join(asked(*one) for one in stream))
    serve_pipe(Session(agent()), pipe, out)
    assert {i: expected.answer(body, sender=sender) for i, body, sender in stream} == replies(out)


def test_a_pipe_says_why_a_reply_is_empty():
    """In the frame's note."""
    out = io.BytesIO()
    serve_pipe(Session(agent()), io.BytesIO(asked(7, b"no message")), out)
    out.seek(0)
    frame = read_frame(out)
    assert (7, b"") == (frame.about.number, frame.second)
    assert frame.about.note.startswith("undecodable")


@pytest.mark.parametrize(
    "damage",
    [
        b"nonsense, and more of it than a header has",
        asked(1, b"{}")[:-1],
        encode_frame(Frame(Replied(number=1))),
    ],
)
def test_what_is_no_request_ends_a_pipe(damage):
    """What was asked before is answered."""
    out, body = io.BytesIO(), bodies(1, 1)[0]
    with pytest.raises(WireError):
        serve_pipe(Session(agent()), io.BytesIO(asked(3, body) + damage), out)
    assert [3] == list(replies(out))


def test_a_socket_serves_its_owner_only_and_several_at_once(tmp_path):
    """One connection that breaks is nothing to another; the socket is gone at the end."""
    path, maker = tmp_path / "agent.sock", Gated()
    body = bodies(1, 1)[0]
    with SocketDoor(Session(maker, uid=0), path):
        assert 0o600 == stat.S_IMODE(os.stat(path).st_mode)
        with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
            first.connect(str(path))
            first.sendall(asked(1, body, "a"))
            assert maker.asked.acquire(timeout=30.0)
            second.connect(str(path))
            second.sendall(b"garbage that is as long as a header is")
            assert b"" == second.recv(1)
            maker.gate.set()
            with first.makefile("rb") as stream:
                assert 1 == read_frame(stream).about.number
    assert not path.exists()


def test_a_socket_that_was_left_behind_is_replaced_but_not_one_in_use(tmp_path):
    """Nor a file of another kind."""
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with SocketDoor(Session(agent()), path), pytest.raises(OSError, match="in use"):
        SocketDoor(Session(agent()), path)
    path.write_text("mine")
    with pytest.raises(OSError, match="in use"):
        SocketDoor(Session(agent()), path)
    assert "mine" == path.read_text()


@pytest.fixture(scope="module")
def harness():
    """A harness's door on a free port."""
    pytest.importorskip("uvicorn")
    from obmm.live.doors.harness import HarnessApp
    from obmm.live.doors.serving import Serving

    app = HarnessApp(Session(agent(), uid=0, harness=True))
    with Serving(app, "127.0.0.1", 0) as serving:
        yield f"http://127.0.0.1:{serving.port}", app


def test_the_harness_is_answered_with_the_bare_response(harness):
    """As its response model wants it."""
    url, _ = harness
    expected = Session(agent(), uid=0, harness=True)
    for body in bodies(1, 3, form="open"):
        reply = httpx.post(f"{url}/handle", content=body)
        assert (200, expected.answer(body, sender="")) == (reply.status_code, reply.content)
    assert {"agent_id", "instructions"} == set(reply.json())
    assert reply.json()["instructions"]


def test_overlapping_posts_are_all_answered(harness):
    """Upstream's launcher may send several at once."""
    url, app = harness
    before, states = app.counts.answered.total(), bodies(1, 8, form="open")
    codes: list[int] = []
    posts = [
        threading.Thread(
            target=lambda body=body: codes.append(httpx.post(f"{url}/handle", content=body).status_code)
        )
        for body in states
    ]
    for post in posts:
        post.start()
    for post in posts:
        post.join(30.0)
    assert ([200] * 8, before + 8) == (codes, app.counts.answered.total())


def test_what_is_no_state_is_refused(harness):
    """With a word, and nothing else happens."""
    url, _ = harness
    assert 400 == httpx.post(f"{url}/handle", content=b"nothing").status_code
    assert [404, 404, 404] == [
        httpx.get(f"{url}/handle").status_code,
        httpx.post(f"{url}/gentrx/assignment", content=b"{}").status_code,
        httpx.post(url, content=b"{}").status_code,
    ]
    assert (
        []
        == msgspec.json.decode(httpx.post(f"{url}/handle", content=b'{"timestamp": 1}').content)[
            "instructions"
        ]
    )
