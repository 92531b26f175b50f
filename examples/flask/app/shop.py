"""A Flask application that tells its pages by WAMP what was ordered."""

from autobahn.twisted.wamp import ApplicationSession
from flask import Flask, request
from twisted.internet import reactor

app = Flask(__name__)
orders = []
publisher = None

PAGE = """<!DOCTYPE html>
<title>Orders</title>
<h1>Orders</h1>
<ul id="orders"></ul>
<form method="post" action="/orders" target="nothing"><input name="item" value="tea"> <button>Order</button></form>
<iframe name="nothing" hidden></iframe>
<script>
  const list = document.getElementById("orders");
  const show = text => list.appendChild(document.createElement("li")).textContent = text;
  fetch("/orders").then(answer => answer.json()).then(orders => orders.forEach(show));
  const socket = new WebSocket(location.href.replace(/^http/, "ws") + "ws", "wamp.2.json");
  const say = message => socket.send(JSON.stringify(message));
  socket.onopen = () => say([1, "realm1", {roles: {subscriber: {}}}]);
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (message[0] === 2) say([32, 1, {}, "com.example.ordered"]);
    if (message[0] === 36) show(message[4][0]);
  };
</script>
"""


class Publisher(ApplicationSession):
    """The application's session."""

    def onJoin(self, details):
        global publisher
        publisher = self

    def onLeave(self, details):
        global publisher
        publisher = None
        super().onLeave(details)


@app.get("/")
def page():
    return PAGE


@app.get("/orders")
def all_orders():
    return orders


@app.post("/orders")
def order():
    orders.append(request.form["item"])
    # Requests are answered in threads, sessions belong to the loop.
    if publisher is not None:
        reactor.callFromThread(publisher.publish, "com.example.ordered", orders[-1])
    return "ordered\n", 201
