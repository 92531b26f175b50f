// Clients for Node.js, Autobahn|JS and wampy: subscribe, publish, register, call, with progress and errors.
//   node wamp_peer.js autobahn|wampy URL SERIALIZER REALM [METHOD AUTHID SECRET]
// MODULES names the directory with their node_modules; CA a file with an authority to trust.
"use strict";
const assert = require("node:assert");
const { createRequire } = require("node:module");
const path = require("node:path");
const { pathToFileURL } = require("node:url");

const modules = createRequire(path.join(process.env.MODULES, "x.js"));
const [library, url, serializer, realm, method, authid, secret] = process.argv.slice(2);
const ca = process.env.CA && require("node:fs").readFileSync(process.env.CA);
setTimeout(() => fail(new Error("no end within 25 s")), 25000).unref();

function fail(error) {
  console.log("failed", error && (error.stack || error.error || JSON.stringify(error)));
  process.exit(1);
}

// What browsers have, as far as Autobahn's long-polling uses it.
class Request {
  open(method, url) { Object.assign(this, { method, url, headers: {} }); }
  setRequestHeader(name, value) { this.headers[name] = value; }
  overrideMimeType() {}
  abort() { this.aborted = true; }
  async send(body) {
    try {
      const answer = await fetch(this.url, { method: this.method, headers: this.headers, body });
      const bytes = Buffer.from(await answer.arrayBuffer());
      if (this.aborted) return;
      this.status = answer.status;
      this.statusText = answer.statusText;
      this.responseText = bytes.toString(this.responseType === "arraybuffer" ? "latin1" : "utf8");
      this.response = this.responseType === "arraybuffer"
        ? bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) : this.responseText;
    } catch (error) { this.status = 0; this.statusText = String(error); }
    this.readyState = 4;
    if (this.onreadystatechange) this.onreadystatechange();
    if (this.onload) this.onload();
  }
}

async function autobahn() {
  globalThis.XMLHttpRequest = Request;
  const { Connection, serializer: kinds, auth_cra, auth_cryptosign, nacl, util } = modules("autobahn");
  const serializers = {
    json: kinds.JSONSerializer, msgpack: kinds.MsgpackSerializer, cbor: kinds.CBORSerializer,
  };
  const transport = url.startsWith("http")
    ? { type: "longpoll", url }
    : url.startsWith("rs")
      ? { type: "rawsocket", host: new URL(url).hostname, port: new URL(url).port, serializers: [new serializers[serializer]()] }
      : { type: "websocket", url, serializers: [new serializers[serializer]()] };
  if (ca) transport.tlsConfiguration = { ca };
  const options = { realm, transports: [transport], max_retries: 0 };
  if (method) {
    options.authmethods = [method];
    options.authid = authid;
    options.onchallenge = (session, kind, extra) => {
      if (kind === "ticket") return secret;
      if (kind === "wampcra") {
        const key = extra.salt ? auth_cra.derive_key(secret, extra.salt, extra.iterations, extra.keylen) : secret;
        return auth_cra.sign(key, extra.challenge);
      }
      return auth_cryptosign.sign_challenge(keys, extra);
    };
    var keys;
    if (method === "cryptosign") {
      keys = nacl.sign.keyPair.fromSeed(Uint8Array.from(Buffer.from(secret, "hex")));
      options.authextra = { pubkey: Buffer.from(keys.publicKey).toString("hex"), channel_binding: null };
    }
  }
  const connection = new Connection(options);
  await new Promise((resolve, reject) => {
    connection.onclose = (reason, details) => {
      // Its own close is no loss.
      if (reason !== "closed") reject(new Error("closed: " + reason + " " + JSON.stringify(details)));
      else resolve();
      return true;
    };
    connection.onopen = async (session) => {
      try {
        const heard = new Promise((got) => session.subscribe("com.test.topic", (args, kwargs) => got([args, kwargs])));
        await session.subscribe("com.test.other", () => {});
        await session.publish("com.test.topic", [1, "two ü", [1.5, null, true]], { k: { a: [1] } },
          { acknowledge: true, exclude_me: false });
        assert.deepEqual(JSON.parse(JSON.stringify(await heard)), [[1, "two ü", [1.5, null, true]], { k: { a: [1] } }]);
        await session.register("com.test.add", (args) => args[0] + args[1]);
        assert.equal(await session.call("com.test.add", [2, 3]), 5);
        await session.register("com.test.count", (args, kwargs, details) => {
          for (let i = 0; i < args[0]; i++) details.progress([i]);
          return args[0];
        });
        const progress = [];
        const call = session.call("com.test.count", [3], {}, { receive_progress: true });
        if (call.then) call.then(null, null, (value) => progress.push(value));
        assert.equal(await call, 3);
        await assert.rejects(Promise.resolve(session.call("com.test.nothing")),
          (error) => error.error === "wamp.error.no_such_procedure");
        connection.close();
      } catch (error) { reject(error); }
    };
    connection.open();
  });
}

async function wampy() {
  const load = (name) => import(pathToFileURL(path.join(process.env.MODULES, "node_modules/wampy", name)));
  const { Wampy } = await load("dist/esm/wampy.js").catch(() => load("dist/wampy.js"));
  const kinds = {
    json: () => load("dist/esm/serializers/json-serializer.js"),
    msgpack: () => load("dist/esm/serializers/msgpack-serializer.js"),
    cbor: () => load("dist/esm/serializers/cbor-serializer.js"),
  };
  const loaded = await kinds[serializer]();
  const Kind = Object.values(loaded)[0];
  const options = { realm, ws: modules("ws"), serializer: new Kind(), maxRetries: 0, autoReconnect: false };
  if (method === "ticket") {
    Object.assign(options, { authid, authmethods: ["ticket"], onChallenge: () => secret });
  }
  const [client, other] = [new Wampy(url, options), new Wampy(url, options)];
  await client.connect();
  await other.connect();
  let got;
  const heard = new Promise((resolve) => { got = resolve; });
  await client.subscribe("com.test.topic", got);
  await other.publish("com.test.topic", { argsList: [1, "two ü"], argsDict: { k: { a: [1] } } });
  const event = await heard;
  assert.deepEqual(event.argsList, [1, "two ü"]);
  assert.deepEqual(event.argsDict, { k: { a: [1] } });
  await client.register("com.test.add", ({ argsList }) => ({ argsList: [argsList[0] + argsList[1]] }));
  assert.deepEqual((await other.call("com.test.add", [2, 3])).argsList, [5]);
  await assert.rejects(other.call("com.test.nothing", []), (error) => error.errorUri === "wamp.error.no_such_procedure");
  await client.disconnect();
  await other.disconnect();
}

(library === "wampy" ? wampy() : autobahn()).then(() => { console.log("ok"); process.exit(0); }, fail);
