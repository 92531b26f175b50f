// Subscribes to all sensors, gets their last values at once, then asks for what came before.
"use strict";

const PREFIX = "com.plant.";
const MOST = 200;
const sensors = new Map();

function show(topic, value, retained) {
  let sensor = sensors.get(topic);
  if (!sensor) {
    const item = document.createElement("li");
    item.innerHTML = "<span></span><b></b><svg preserveAspectRatio=none><polyline /></svg>";
    item.querySelector("span").textContent = topic.slice(PREFIX.length);
    document.getElementById("sensors").append(item);
    sensor = { item, values: [] };
    sensors.set(topic, sensor);
  }
  // A retained event is the last one of the history, too.
  if (!retained) sensor.values = [...sensor.values, Number(value)].slice(-MOST);
  sensor.item.querySelector("b").textContent = value;
  draw(sensor);
}

function draw({ item, values }) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const height = (value) => (most > least ? 1 - (value - least) / (most - least) : 0.5);
  const points = values.map((value, index) => `${index},${height(value)}`).join(" ");
  item.querySelector("svg").setAttribute("viewBox", `0 -0.1 ${Math.max(values.length - 1, 1)} 1.2`);
  item.querySelector("polyline").setAttribute("points", points);
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws`, "wamp.2.json");
  const send = (...message) => socket.send(JSON.stringify(message));
  const state = document.getElementById("state");
  socket.onopen = () => send(1, "realm1", { roles: { subscriber: { features: { event_retention: true } }, caller: {} } });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    switch (message[0]) {
      case 2: // WELCOME
        sensors.clear();
        document.getElementById("sensors").replaceChildren();
        send(32, 1, { match: "prefix", get_retained: true }, PREFIX);
        break;
      case 33: // SUBSCRIBED
        send(48, 2, {}, "wamp.subscription.get_events", [message[2], MOST]);
        break;
      case 36: // EVENT
        show(message[3].topic, (message[4] ?? [])[0], message[3].retained);
        break;
      case 50: // RESULT: the newest first
        for (const event of message[3][0].reverse()) show(event.topic, (event.args ?? [])[0], false);
        state.textContent = "connected";
        break;
      case 8: // ERROR
        state.textContent = `refused: ${message[4]}`;
        break;
    }
  };
  socket.onclose = () => {
    state.textContent = "not connected; trying again";
    setTimeout(connect, 2000);
  };
}

connect();
