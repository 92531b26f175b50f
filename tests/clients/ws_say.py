"""Says something over WebSocket and waits until everybody hears it: ws_say.py URL TEXT"""

import sys

from websockets.sync.client import connect

with connect(sys.argv[1], proxy=None, open_timeout=30) as speaker, connect(sys.argv[1], proxy=None) as listener:
    speaker.send(sys.argv[2])
    for each in (speaker, listener):
        while each.recv(timeout=30) != sys.argv[2]:
            pass
print("ok")
