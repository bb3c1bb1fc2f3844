"""What misbehaves in a cell, for the tests of cells: it does as it is told."""

import os
import sys
import time

from baton.kernel.cell import allow_seconds, enter, receive, send


def main() -> None:
    peer, limits, rest = enter(sys.argv[1:])
    while True:
        try:
            kind, body = receive(peer, 1 << 20)
        except OSError:
            return
        if kind == b"e":
            send(peer, b"e", body)
        elif kind == b"m":
            try:
                send(peer, b"m", str(len(bytearray(int(body)))).encode())
            except MemoryError:
                send(peer, b"m", b"no")
        elif kind == b"s":
            time.sleep(60)
        elif kind == b"c":
            allow_seconds(0)
            while True:
                pass
        elif kind == b"x":
            os._exit(3)
        elif kind == b"f":
            try:
                with open("/tmp/baton-inmate-writes", "wb") as stream:  # noqa: PTH123
                    stream.write(b"x")
                send(peer, b"f", b"wrote")
            except OSError:
                send(peer, b"f", b"no")
        elif kind == b"v":
            send(peer, b"v", ",".join(sorted(os.environ)).encode(), f" {limits.cores} {list(rest)}".encode())


if __name__ == "__main__":
    main()
