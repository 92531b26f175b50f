// A small WAMP client, to try the router by: who is here, publishing to everybody, calling one of all.
addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("wamp");
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${box.dataset.path}`;
  const topic = "com.example.said", procedure = "com.example.greet";
  const find = (name) => box.querySelector(`[data-is=${name}]`);
  const say = (text, kind) => {
    const line = document.createElement("li");
    line.textContent = text;
    line.className = kind ?? "";
    find("heard").prepend(line);
    while (find("heard").children.length > 20) find("heard").lastChild.remove();
  };
  let socket, request, waiting, handlers, own, here;

  const send = (...message) => socket.send(JSON.stringify(message));
  const ask = (code, ...rest) => new Promise((done, fail) => {
    waiting.set(++request, { done, fail });
    send(code, request, ...rest);
  });
  const subscribe = async (uri, handler) => handlers.set((await ask(32, {}, uri))[2], handler);
  const show = () => {
    const names = [...here].map(([id, name]) => (id === own ? `${name} (you)` : name));
    find("here").textContent = names.sort().join(", ") || "nobody";
  };

  const joined = async () => {
    find("state").textContent = `in realm ${box.dataset.realm}`;
    box.classList.add("open");
    await subscribe("wamp.session.on_join", ([s]) => { here.set(s.session, s.authid); show(); });
    await subscribe("wamp.session.on_leave", ([id]) => { here.delete(id); show(); });
    await subscribe(topic, ([text], details) => say(`${here.get(details.publisher) ?? "somebody"}: ${text}`));
    handlers.set((await ask(64, { invoke: "roundrobin" }, procedure))[2], ([name]) => `Hello ${name}, this is ${here.get(own)}.`);
    const ids = (await ask(48, {}, "wamp.session.list"))[3][0];
    for (const id of ids) {
      const found = await ask(48, {}, "wamp.session.get", [id]).catch(() => null);
      if (found) here.set(id, found[3][0].authid);
    }
    show();
  };

  const heard = (message) => {
    const [code] = message;
    if (code === 2) { own = message[1]; here.set(own, message[2].authid); joined().catch((e) => say(e, "bad")); }
    else if (code === 3 || code === 6) say(`${message[2]} ${message[1].message ?? ""}`, "bad");
    else if (code === 36) handlers.get(message[1])?.(message[4] ?? [], message[3]);
    else if (code === 68) send(70, message[1], {}, [handlers.get(message[2])?.(message[4] ?? [])]);
    else if (code === 8) { waiting.get(message[2])?.fail(`${message[4]} ${(message[5] ?? []).join(" ")}`); waiting.delete(message[2]); }
    else { waiting.get(message[1])?.done(message); waiting.delete(message[1]); }
  };

  const connect = () => {
    [request, waiting, handlers, here, own] = [0, new Map(), new Map(), new Map(), 0];
    socket = new WebSocket(url, "wamp.2.json");
    const roles = { publisher: {}, subscriber: {}, caller: {}, callee: { features: { shared_registration: true } } };
    socket.onopen = () => send(1, box.dataset.realm, { roles });
    socket.onmessage = (event) => heard(JSON.parse(event.data));
    socket.onclose = () => {
      box.classList.remove("open");
      find("state").textContent = "not connected; trying again";
      setTimeout(connect, 2000);
    };
  };

  find("publish").onsubmit = (event) => {
    event.preventDefault();
    const field = find("text");
    if (field.value) ask(16, { acknowledge: true, exclude_me: false }, topic, [field.value]).catch((e) => say(e, "bad"));
    field.value = "";
  };
  find("call").onclick = () => ask(48, {}, procedure, [here.get(own)])
    .then((result) => say(result[3][0], "good"), (e) => say(e, "bad"));
  connect();
});
