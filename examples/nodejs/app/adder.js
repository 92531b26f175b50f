// A callee. WAMP by hand, over the WebSocket that Node.js has (as an experiment before version 22); autobahn-js and wampy do more.
const url = `ws://${process.argv[2]}:8080/ws`;
const socket = new WebSocket(url, "wamp.2.json");
const send = (...message) => socket.send(JSON.stringify(message));

socket.onopen = () => send(1, "realm1", { roles: { callee: {} } });
socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  const [kind, id] = message;
  if (kind === 2) send(64, 1, {}, "com.example.add"); // WELCOME: register
  if (kind === 65) console.log(`com.example.add is registered at ${url}`); // REGISTERED
  if (kind === 68) send(70, id, {}, [message[4][0] + message[4][1]]); // INVOCATION: yield
  if (kind === 3 || kind === 8) process.exit(1); // ABORT, ERROR
};
// The node starts it again.
socket.onclose = () => process.exit(1);
process.on("SIGTERM", () => process.exit(0));
