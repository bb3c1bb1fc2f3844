"""A limit on a whole conversation: timeouts of single reads do not stop a peer that sends a byte now and then."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer

SECONDS = 10.0
"""How long one conversation with a mail server or a receiver of webhooks may last."""


@contextmanager
def bounded(connection: socket.socket, seconds: float = SECONDS) -> Iterator[None]:
    """Cut the connection when the block takes longer: whatever reads from it ends, and the block raises TimeoutError.

    A second handle does the cutting: the first may be wrapped for encryption meanwhile, and then is another object.
    """
    twin = socket.socket(fileno=os.dup(connection.fileno()))

    late = Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        twin.close()
    # Half an answer may look like a whole one: it does not count.
    if late.is_set():
        raise TimeoutError(f"no whole answer within {seconds:g} s")
