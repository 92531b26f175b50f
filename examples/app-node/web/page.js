'use strict';

const [form, input, list, state] = ['form', '#note', '#notes', '#state'].map((which) => document.querySelector(which));
let socket;

function connect() {
  socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/app/ws`);
  socket.onopen = () => {
    list.replaceChildren(); // the program tells all of them anew
    state.textContent = 'connected';
  };
  socket.onmessage = ({ data }) => {
    const item = document.createElement('li');
    item.textContent = data;
    list.prepend(item);
  };
  socket.onclose = () => {
    state.textContent = 'connecting again…';
    setTimeout(connect, 500);
  };
}

form.onsubmit = (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(input.value);
  input.value = '';
};
connect();
