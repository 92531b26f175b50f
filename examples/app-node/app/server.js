// A board of notes, by HTTP and by WebSocket (RFC 6455), with nothing but Node.js.
'use strict';

const http = require('node:http');
const { createHash } = require('node:crypto');

const FIRST = 3; // SD_LISTEN_FDS_START
const LONGEST = 4096;
const notes = [];
const clients = new Set();

const server = http.createServer((request, response) => {
  const found = request.url === '/notes';
  response.writeHead(found ? 200 : 404, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(found ? notes : { error: 'not found' }) + '\n');
});

server.on('upgrade', (request, socket, head) => {
  const key = request.headers['sec-websocket-key'];
  if (request.url !== '/ws' || !key || !isOurs(request)) return socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
  const accept = createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  clients.add(socket);
  socket.on('close', () => clients.delete(socket)).on('error', () => socket.destroy()).on('end', () => socket.end());
  let unread = head;
  const read = (more) => {
    unread = Buffer.concat([unread, more]);
    for (let frame; (frame = parse(unread)); unread = unread.subarray(frame.length)) {
      if (!answer(socket, frame)) return socket.end();
    }
  };
  socket.on('data', read);
  read(Buffer.alloc(0));
  for (const note of notes) send(socket, 1, note);
});

// Pages of other sites may not use who is here. The proxy says which host was asked for.
function isOurs({ headers }) {
  return !headers.origin || headers.origin.split('://')[1] === (headers['x-forwarded-host'] ?? headers.host);
}

// The first frame in what was received, if it is whole. A message that is long, or comes in pieces, is answered by a Close
// (1009), as is one that is not masked.
function parse(bytes) {
  if (bytes.length < 2) return null;
  let [length, at] = [bytes[1] & 0x7f, 2];
  if (length === 126) {
    if (bytes.length < 4) return null;
    [length, at] = [bytes.readUInt16BE(2), 4];
  }
  const whole = bytes[0] & 0x80 && bytes[1] & 0x80;
  if (!whole || length === 127 || length > LONGEST) return { opcode: 8, payload: Buffer.from([0x03, 0xf1]), length: bytes.length };
  if (bytes.length < at + 4 + length) return null;
  const mask = bytes.subarray(at, at + 4);
  const payload = bytes.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: bytes[0] & 0x0f, payload, length: at + 4 + length };
}

// False when the connection ends.
function answer(socket, { opcode, payload }) {
  if (opcode === 1) {
    notes.push(payload.toString());
    if (notes.length > 20) notes.shift();
    for (const client of clients) send(client, 1, payload);
  } else if (opcode === 9) {
    send(socket, 10, payload);
  } else if (opcode === 8) {
    send(socket, 8, payload.subarray(0, 2));
    return false;
  }
  return true;
}

function send(socket, opcode, payload) {
  const bytes = Buffer.from(payload);
  const head = bytes.length < 126 ? [bytes.length] : [126, bytes.length >> 8, bytes.length & 0xff];
  socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...head]), bytes]));
}

const given = process.env.LISTEN_PID === String(process.pid) ? Number(process.env.LISTEN_FDS) : 0;
// Started by hand it binds a port of its own.
server.listen(given > 0 ? { fd: FIRST } : { host: '127.0.0.1', port: 8081 }, () => console.log('serving'));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // 1012: the service restarts. The pages connect again.
  for (const client of clients) {
    send(client, 8, [0x03, 0xf4]);
    client.end();
  }
});
