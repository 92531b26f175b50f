// The other side of app/backend.py: calls it, hears it, and says something to it.
"use strict";

const find = (id) => document.getElementById(id);
const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, "wamp.2.json");
const waiting = new Map();
let request = 0;

function ask(code, ...rest) {
  request += 1;
  socket.send(JSON.stringify([code, request, ...rest]));
  return new Promise((done, fail) => waiting.set(request, { done, fail }));
}

const sum = async () => {
  const [a, b] = [find("sum").a.value, find("sum").b.value].map(Number);
  const call = ask(48, {}, "com.example.add", [a, b]);
  find("result").textContent = await call.then((result) => `= ${result[3][0]}`, (error) => error[4]);
};

socket.onopen = () => socket.send(JSON.stringify([1, "realm1", { roles: { caller: {}, publisher: {}, subscriber: {} } }]));
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message[0] === 2) {
    ask(32, {}, "com.example.time");
    // The backend may be on its way still.
    const first = () => sum().then(() => find("result").textContent.startsWith("=") || setTimeout(first, 500));
    first();
  } else if (message[0] === 36) {
    find("time").textContent = message[4][0];
  } else if (message[0] === 8) {
    waiting.get(message[2])?.fail(message);
  } else {
    waiting.get(message[1])?.done(message);
  }
};
find("sum").onsubmit = (event) => { event.preventDefault(); sum(); };
find("say").onsubmit = (event) => {
  event.preventDefault();
  ask(16, { acknowledge: true }, "com.example.said", [find("say").text.value]);
};
