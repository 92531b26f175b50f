"""Sends a WebSocket handshake with more headers and prints the head of the answer: ws_handshake.py URL HEADER…"""

import socket
import sys
from urllib.parse import urlsplit

parts = urlsplit(sys.argv[1])
headers = sys.argv[2:]
if not any(header.startswith("Host:") for header in headers):
    headers.append(f"Host: {parts.netloc}")
headers += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
with socket.create_connection((parts.hostname, parts.port), 30) as sock:
    sock.sendall("\r\n".join([f"GET {parts.path} HTTP/1.1", *headers, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(4096)
        if not data:
            break
        answer += data
sys.stdout.buffer.write(answer.split(b"\r\n\r\n")[0] + b"\r\n")
