"""A memcached client that asks for `big` 64 times, a megabyte each, and treats its connection as it is told.

victim.py ADDRESS PORT MANNER; prints its own port once all is asked. Manners: stalls (reads nothing), drips (512 bytes, twice a second),
half-closes (ends its sending side and reads nothing), reads (takes everything, and asks again).
"""

import socket
import sys
import time

address, port, manner = sys.argv[1], int(sys.argv[2]), sys.argv[3]
GET_BIG = bytes.fromhex("80000003000000000000000300000000") + bytes(8) + b"big"

connection = socket.create_connection((address, port))
connection.sendall(GET_BIG * 64)
print(connection.getsockname()[1], flush=True)
if manner == "half-closes":
    connection.shutdown(socket.SHUT_WR)
while manner == "drips":
    connection.recv(512)
    time.sleep(0.5)
while manner == "reads":
    # Header, flags, value.
    left = 24 + 4 + 1_000_000
    while left:
        left -= len(connection.recv(min(left, 1 << 16)))
    connection.sendall(GET_BIG)
while True:
    time.sleep(60)
