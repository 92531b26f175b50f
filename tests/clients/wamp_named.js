// Autobahn|JS by RawSocket: registers a procedure, says so, and serves it until it is killed.
//   node wamp_named.js HOST PORT REALM PROCEDURE
// MODULES names the directory with node_modules.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");
const { Connection, serializer } = createRequire(path.join(process.env.MODULES, "x.js"))("autobahn");

const [host, port, realm, procedure] = process.argv.slice(2);
const transport = { type: "rawsocket", host, port, serializers: [new serializer.JSONSerializer()] };
const connection = new Connection({ realm, transports: [transport], max_retries: 0 });
connection.onclose = (reason) => { console.log("closed", reason); process.exit(1); };
connection.onopen = async (session) => {
  await session.register(procedure, () => "from autobahn");
  console.log("registered");
};
connection.open();
