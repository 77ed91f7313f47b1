"""The HTTP client, against a server that does on purpose what servers do by mistake."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
import uvloop

from rechenwerk.base.errors import BrokenError, ConnectError, ProviderError, RechenwerkError
from rechenwerk.providers.transport import Collect, Exchange, Limits, Pool, Target, parse_target
from tests.fakes.memory_book import until
from tests.fakes.raw_server import HEAD, OK, PATIENT, REQUEST, drips, heard, house, says, silent


def run(flow: Callable[[], Awaitable[None]]) -> None:
    """On asyncio's own loop, and on the one of production."""

    async def awaited() -> None:
        await flow()

    asyncio.run(awaited())
    uvloop.run(awaited())


def test_a_connection_is_used_again() -> None:
    async def flow() -> None:
        async with house(says(OK)) as there:
            for _ in range(5):
                answer = await there.post()
                assert (answer.status, answer.body) == (200, b"ok")
                assert answer.header(b"content-type") == b"text/plain"
                assert answer.header(b"x-nothing") is None
            assert there.accepted == there.pool.open_connections == 1

    run(flow)


def test_requests_at_once_have_a_connection_each() -> None:
    async def flow() -> None:
        async with house(says(OK)) as there:
            answers = await asyncio.gather(*[there.post() for _ in range(10)])
            assert [answer.body for answer in answers] == [b"ok"] * 10
            assert there.accepted == 10
            await asyncio.gather(*[there.post() for _ in range(10)])
            assert there.accepted == 10

    run(flow)


def test_a_connection_that_the_server_closed_while_idle_is_not_used_again() -> None:
    async def flow() -> None:
        async with house(says(OK, close=True)) as there:
            for number in (1, 2, 3):
                assert (await there.post()).body == b"ok"
                await there.gone()
                assert there.accepted == number

    run(flow)


WHOLE = {
    "in one byte each": [bytes([byte]) for byte in OK],
    "interim answers first": [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
        OK,
    ],
    "chunked": [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n",
        b"1;extension=1\r\nk\r\n0\r\nTrailer: x\r\n\r\n",
    ],
    "names in capitals": [OK.upper().replace(b"OK", b"ok")],
}


@pytest.mark.parametrize("way", WHOLE)
def test_framed_answers_keep_the_connection(way: str) -> None:
    async def flow() -> None:
        async with house(says(*WHOLE[way])) as there:
            for _ in range(3):
                answer = await there.post()
                assert (answer.status, answer.body) == (200, b"ok")
            assert there.accepted == 1

    run(flow)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_connections_that_end_with_their_answer_are_not_used_again(head: bytes) -> None:
    async def flow() -> None:
        async with house(says(head)) as there:
            for number in (1, 2):
                assert (await there.post()).body == (b"" if b"204" in head else b"ok")
                assert there.accepted == number

    run(flow)


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    async def flow() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
        async with house(says(head, b"first ", b"second", close=True)) as there:
            assert (await there.post()).body == b"first second"

    run(flow)


CUT = {
    "nothing at all": [],
    "in the status line": [b"HTTP/1.1 2"],
    "in the head": [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Le"],
    "after an interim answer": [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"],
    "in the body": [OK[:-1]],
    "in a chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
    "before the last chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"],
}


@pytest.mark.parametrize("where", CUT)
def test_an_answer_that_was_cut_is_broken(where: str) -> None:
    async def flow() -> None:
        async with house(says(*CUT[where], close=True)) as there:
            with pytest.raises(BrokenError, match="hung up before its answer was complete"):
                await there.post()

    run(flow)


GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": b"\0" * 100,
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "another protocol, politely": b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\0\0",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_broken_and_the_connection_is_dropped(what: str) -> None:
    async def flow() -> None:
        async with house(says(GARBAGE[what])) as there:
            with pytest.raises(BrokenError, match="the provider does not speak HTTP"):
                await there.post()
            await there.gone()

    run(flow)


def test_an_answer_that_is_too_large_says_so() -> None:
    async def flow() -> None:
        async with house(says(OK)) as there:
            with pytest.raises(BrokenError, match="the provider's answer is larger than 1 bytes"):
                await there.post(limit=1)
            assert (await there.post(limit=2)).body == b"ok"

    run(flow)


@pytest.mark.parametrize("more", [OK, OK[:20], b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"])
def test_an_answer_that_nobody_asked_for_reaches_nobody(more: bytes) -> None:
    """It would be taken for the answer of the next request, which may be another organisation's."""

    async def flow() -> None:
        async with house(says(OK + more)) as there:
            for number in (1, 2, 3):
                first, second = await asyncio.gather(there.post(), there.post())
                assert first.body == second.body == b"ok"
                assert there.accepted == 2 * number

    run(flow)


@pytest.mark.parametrize(
    ("limits", "pieces", "message"),
    [
        (Limits(5, 0.1, 5, 9), [], "did not send a byte in time"),
        (Limits(5, 5, 0.1, 9), [HEAD, b"..."], "did not send a byte in time"),
        (Limits(5, 5, 5, 0.1), [HEAD, b"..."], "did not answer within the time of a call"),
    ],
    ids=["first byte", "between bytes", "total"],
)
def test_silence_has_a_deadline(limits: Limits, pieces: list[bytes], message: str) -> None:
    async def flow() -> None:
        async with house(silent(*pieces), limits) as there:
            with pytest.raises(BrokenError, match=message):
                await there.post()
            await there.gone()

    asyncio.run(flow())


def test_a_provider_that_goes_on_for_ever_has_a_deadline_too() -> None:
    async def flow() -> None:
        stop = asyncio.Event()
        async with house(drips(stop), Limits(5, 0.3, 0.3, 0.8)) as there:
            with pytest.raises(BrokenError, match="did not answer within the time of a call"):
                await there.post()
            stop.set()

    asyncio.run(flow())


def test_a_refused_connection_is_told_apart_from_a_broken_one() -> None:
    async def flow() -> None:
        async with house(says(OK)) as there:
            port = there.pool.target.port
        pool = Pool(Target("127.0.0.1", port, False, ""), PATIENT)
        with pytest.raises(ConnectError, match=f"no connection to 127.0.0.1:{port}: "):
            await pool.send(REQUEST, Collect(asyncio.get_running_loop()))
        pool.close()

    run(flow)


def test_a_name_that_does_not_exist_is_no_connection() -> None:
    async def flow() -> None:
        pool = Pool(Target("no-such-host.invalid", 80, False, ""), PATIENT)
        with pytest.raises(ConnectError, match=r"no connection to no-such-host\.invalid: "):
            await pool.send(REQUEST, Collect(asyncio.get_running_loop()))
        pool.close()

    run(flow)


class Slow(Collect):
    """A sink that reads only when it is told to.

    Pauses its exchange at its first byte; `seen` is set when one has come.
    """

    __slots__ = ("exchange", "seen", "size")

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.exchange: Exchange | None = None
        self.seen = asyncio.Event()
        self.size = 0

    def data(self, chunk: bytes) -> None:
        super().data(chunk)
        self.size += len(chunk)
        if self.exchange is not None and not self.seen.is_set():
            self.exchange.pause()
        self.seen.set()


def test_a_paused_exchange_lets_the_provider_wait_and_no_deadline_of_silence_runs() -> None:
    body = 30_000_000

    async def flow() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body
        async with house(says(head, bytes(body)), Limits(5, 0.2, 0.2, 20)) as there:
            sink = Slow()
            sink.exchange = await there.pool.send(REQUEST, sink)
            await sink.seen.wait()
            size = sink.size
            await asyncio.sleep(0.8)  # four times the longest silence
            assert sink.size == size < body
            sink.exchange.resume()
            assert len((await asyncio.wait_for(sink.done, 8)).body) == body

    run(flow)


def test_an_exchange_that_ended_while_paused_serves_the_next_request() -> None:
    async def flow() -> None:
        async with house(says(OK), Limits(5, 2, 2, 3)) as there:
            sink = Slow()
            sink.exchange = await there.pool.send(REQUEST, sink)
            assert (await asyncio.wait_for(sink.done, 5)).body == b"ok"
            assert (await there.post()).body == b"ok"
            assert there.accepted == 1

    run(flow)


def test_who_hangs_up_hears_nothing_more() -> None:
    async def flow() -> None:
        async with house(silent(HEAD, b"...")) as there:
            sink = Slow()
            exchange = await there.pool.send(REQUEST, sink)
            await sink.seen.wait()
            exchange.abort()
            exchange.pause()
            exchange.resume()
            await there.gone()
            assert not sink.done.done()

    run(flow)


def test_a_retired_pool_lets_running_exchanges_end() -> None:
    async def flow() -> None:
        go = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await heard(reader)
            await go.wait()
            writer.write(OK)
            await reader.read()

        async with house(handler) as there:
            running = asyncio.create_task(there.post())
            await until(lambda: there.accepted == 1)
            there.pool.close_idle()
            go.set()
            assert (await running).body == b"ok"
            await there.gone()

    run(flow)


def test_a_connection_that_comes_after_its_pool_was_retired_has_deadlines(certificate: Path) -> None:
    async def flow() -> None:
        go = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            cast(
                "asyncio.Transport", writer.transport
            ).pause_reading()  # the greeting must still be there for TLS
            await go.wait()
            await writer.start_tls(serving(certificate))
            await reader.read()

        async with house(handler) as there:
            trusted = ssl.create_default_context(cafile=str(certificate))
            pool = Pool(Target("127.0.0.1", there.pool.target.port, True, ""), Limits(5, 0.2, 5, 5), trusted)
            sink = Collect(asyncio.get_running_loop())
            sending = asyncio.create_task(pool.send(REQUEST, sink))
            await until(lambda: there.accepted == 1)
            pool.close_idle()
            await asyncio.sleep(0.6)  # two looks at the deadlines
            go.set()
            await sending
            with pytest.raises(BrokenError, match="did not send a byte in time"):
                await asyncio.wait_for(sink.done, 5)

    asyncio.run(flow())


def test_idle_connections_are_closed_after_a_while() -> None:
    async def flow() -> None:
        hint = OK.replace(b"Content-Type", b"Keep-Alive: timeout=1, max=5\r\nContent-Type")
        async with house(says(hint)) as there:
            assert (await there.post()).body == b"ok"
            async with asyncio.timeout(1.5):
                await there.gone()

    asyncio.run(flow())


ADDRESSES = """
    http://127.0.0.1:9100/v1/        127.0.0.1 9100 http /v1       127.0.0.1:9100
    http://localhost                 localhost 80 http -           localhost
    https://api.example.com/v1       api.example.com 443 https /v1 api.example.com
    https://api.example.com:8443     api.example.com 8443 https -  api.example.com:8443
    http://api.example.com:443/      api.example.com 443 http -    api.example.com:443
    HTTPS://API.Example.com/V1       api.example.com 443 https /V1 api.example.com
    http://[::1]:8080/v1             ::1 8080 http /v1             [::1]:8080
"""


@pytest.mark.parametrize("line", ADDRESSES.strip().splitlines())
def test_addresses(line: str) -> None:
    url, host, port, scheme, path, authority = line.split()
    target = parse_target(url)
    assert target == Target(host, int(port), scheme == "https", "" if path == "-" else path)
    assert target.authority == authority


@pytest.mark.parametrize(
    "url",
    ["", "localhost:80", "ftp://host/x", "http://", "http://host:0", "http://host:99999", "http://[::1"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(RechenwerkError, match=r"write it like https://api\.example\.com/v1"):
        parse_target(url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that it signed itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    folder = tmp_path_factory.mktemp("tls")
    path = folder / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=h"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "key").read_bytes())
    return path


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_with_a_certificate_that_we_trust(certificate: Path) -> None:
    async def flow() -> None:
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with house(says(OK), PATIENT, serving(certificate), trusted) as there:
            assert (await there.post()).body == b"ok"
            assert (await there.post()).body == b"ok"
            assert there.accepted == 1

    run(flow)


def test_tls_with_a_certificate_that_nobody_vouches_for(certificate: Path) -> None:
    async def flow() -> None:
        async with house(says(OK), PATIENT, serving(certificate)) as there:
            with pytest.raises(ConnectError, match="certificate verify failed"):
                await there.post()

    asyncio.run(flow())


def test_a_server_that_never_shakes_hands(certificate: Path) -> None:
    async def flow() -> None:
        async with house(silent()) as there:
            target = Target("127.0.0.1", there.pool.target.port, True, "")
            pool = Pool(target, Limits(0.2, 5, 5, 5), ssl.create_default_context(cafile=str(certificate)))
            with pytest.raises(ConnectError, match="no answer in time"):
                await pool.send(REQUEST, Collect(asyncio.get_running_loop()))
            pool.close()

    asyncio.run(flow())


def test_errors_of_both_kinds_are_errors_of_a_provider() -> None:
    assert issubclass(ConnectError, ProviderError)
    assert issubclass(BrokenError, ProviderError)
    assert not issubclass(ConnectError, BrokenError)
