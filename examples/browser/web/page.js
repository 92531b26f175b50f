// WAMP is small enough to be spoken by hand; autobahn-js or wampy do more.
const TOPIC = "com.example.said";
const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "ws"), "wamp.2.json");
const send = (...message) => socket.send(JSON.stringify(message));
const show = (text) => {
  document.getElementById("said").appendChild(document.createElement("li")).textContent = text;
};

socket.onopen = () => send(1, "realm1", { roles: { publisher: {}, subscriber: {} } });
socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  if (message[0] === 2) send(32, 1, {}, TOPIC); // WELCOME: subscribe
  if (message[0] === 33) show("connected: open this page twice"); // SUBSCRIBED
  if (message[0] === 36) show(message[4][0]); // EVENT
};
socket.onclose = () => show("the connection is closed");

let request = 1;
document.getElementById("say").onsubmit = (event) => {
  event.preventDefault();
  const text = document.getElementById("text");
  send(16, ++request, { exclude_me: false }, TOPIC, [text.value]); // PUBLISH
  text.value = "";
};
