// An HTTP server on a socket that somebody else has bound (sd_listen_fds), with nothing but Node.js.
'use strict';

const http = require('node:http');

const FIRST = 3; // SD_LISTEN_FDS_START
const given = process.env.LISTEN_PID === String(process.pid) ? Number(process.env.LISTEN_FDS) : 0;

let stopping = false;
const server = http.createServer((request, response) => {
  if (stopping) response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'text/plain');
  response.end(`hello from node, process ${process.pid}\n`);
});

// Started by hand it binds a port of its own.
server.listen(given > 0 ? { fd: FIRST } : { host: '127.0.0.1', port: 8080 }, () => console.log('serving'));

process.on('SIGTERM', () => {
  stopping = true;
  // Closes our duplicate of the socket: those who connect from now on are served by our successor.
  server.close(() => {
    console.log('finished');
    process.exit(0);
  });
  server.closeIdleConnections();
});
