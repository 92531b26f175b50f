//! A connection of MQTT.

use super::bridge::{Bridge, Step};
use super::service::Mqtt;
use crate::context::Context;
use crate::net::backlog::{Scratch, poll_read};
use crate::net::budget::Share;
use crate::wamp::{Line, Who};
use bytes::BytesMut;
use mqttbytes::v4::{Packet, read};
use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

/// Once so many bytes are to be written, they are, before more is made.
const HIGH_WATER: usize = 256 << 10;

/// Why a connection ended other than by the client's wish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("MQTT: {0}")]
    Closed(String),
    #[error("MQTT: {0}")]
    Malformed(&'static str),
    #[error("MQTT: nothing was heard of the client for {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("MQTT: the client took nothing for {} s (`send_timeout`)", .0.as_secs_f64())]
    Stalled(Duration),
    #[error("MQTT: no room for messages (`max_buffered_size`)")]
    NoRoom,
    #[error("MQTT: the connection ended without a DISCONNECT")]
    Gone,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the client has not taken what was sent to it.
    pub(crate) const fn is_left_behind(&self) -> bool {
        matches!(self, Self::Stalled(_))
    }
}

/// What one connection has.
struct Client<'a> {
    mqtt: &'a Mqtt,
    bridge: Bridge,
    line: Line,
    /// Was received and is no whole packet yet.
    input: BytesMut,
    output: BytesMut,
    share: Share,
    /// When the client must have said something again, and after how long.
    deadline: Option<(Instant, Duration)>,
    keep_alive: Option<Duration>,
    name: (String, String),
    /// Another connection has taken its place.
    superseded: Rc<Notify>,
    /// Why it is to be closed.
    closing: Option<String>,
}

impl Mqtt {
    /// Serves a connection; CONNECT has to come within `limit`.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        who: Who,
        limit: Duration,
        context: &Context,
    ) -> Result<(), Error> {
        let mut client = Client {
            mqtt: self,
            bridge: Bridge::new(&self.options.realm, who.tls.is_some()),
            line: self.endpoint.open_line("mqtt", who),
            input: BytesMut::new(),
            output: BytesMut::new(),
            share: context.budget.share(),
            deadline: Some((Instant::now() + limit, limit)),
            keep_alive: None,
            name: Default::default(),
            superseded: Rc::default(),
            closing: None,
        };
        let served = client.run(&mut stream, &context.scratch).await;
        client.end().await;
        served
    }
}

impl Client<'_> {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        scratch: &Scratch,
    ) -> Result<(), Error> {
        loop {
            while self.message().await? || self.packet().await? {
                if self.output.len() >= HIGH_WATER {
                    self.flush(stream).await?;
                }
            }
            self.flush(stream).await?;
            if let Some(why) = self.closing.take() {
                self.within_limit(stream.shutdown()).await?;
                return Err(Error::Closed(why));
            }
            let wake = async {
                match self.deadline {
                    Some((at, _)) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            // While it joins, nobody looks at what it sends.
            let reads = !self.bridge.is_joining() || self.input.len() < HIGH_WATER;
            let (line, input, has_room) = (&self.line, &mut self.input, self.bridge.has_room());
            let received = select! {
                biased;
                () = self.superseded.notified() => {
                    return Err(Error::Closed("another connection has the same client id".into()));
                }
                received = poll_fn(|cx| {
                    let mut buffer = scratch.borrow();
                    let poll = poll_read(cx, stream, &mut buffer);
                    poll.map_ok(|count| {
                        input.extend_from_slice(&buffer[..count]);
                        count
                    })
                }), if reads => received?,
                () = poll_fn(|cx| {
                    line.register(cx);
                    let ready = (has_room && line.waits()) || line.has_ended();
                    if ready { Poll::Ready(()) } else { Poll::Pending }
                }) => continue,
                () = wake => {
                    return Err(Error::Silent(self.deadline.map(|(_, limit)| limit).unwrap_or_default()));
                }
            };
            if received == 0 {
                return Err(Error::Gone);
            }
            if let Some(limit) = self.keep_alive {
                self.deadline = Some((Instant::now() + limit, limit));
            }
        }
    }

    /// Takes a message of the router; says whether there was one.
    async fn message(&mut self) -> Result<bool, Error> {
        if !self.bridge.has_room() || self.closing.is_some() {
            return Ok(false);
        }
        let Some(message) = self.line.pop() else {
            if self.line.has_ended() {
                self.closing = Some("the router has ended the session".into());
            }
            return Ok(false);
        };
        let was_open = self.bridge.is_open();
        let (steps, event) = self.bridge.message(message.message());
        if self.bridge.is_open() && !was_open {
            // Who has no id is nobody else's successor (section 3.1.3.1).
            if !self.name.0.is_empty() {
                self.mqtt.enter(&self.name, &self.superseded);
            }
            self.deadline = self.keep_alive.map(|limit| (Instant::now() + limit, limit));
        }
        if let Some(event) = event
            && let Some(bytes) = self.mqtt.write(&event).await
            && let Some(packet) = self.bridge.deliver(&event, bytes)
        {
            self.put(&packet)?;
        }
        self.carry_out(steps).await?;
        Ok(true)
    }

    /// Takes a packet of the client; says whether there was a whole one.
    async fn packet(&mut self) -> Result<bool, Error> {
        // What follows CONNECT waits for the answer to it.
        if self.bridge.is_joining() || self.closing.is_some() {
            return Ok(false);
        }
        let packet = match read(&mut self.input, self.mqtt.options.max_message_size as usize) {
            Ok(packet) => packet,
            Err(mqttbytes::Error::InsufficientBytes(_)) => {
                if self.input.is_empty() {
                    self.input = BytesMut::new();
                }
                return Ok(false);
            }
            Err(mqttbytes::Error::InvalidProtocolLevel(_) | mqttbytes::Error::InvalidProtocol) => {
                let steps = self.bridge.refuse_version();
                self.carry_out(steps).await?;
                return Ok(true);
            }
            Err(e) => return Err(Error::Malformed(described(e))),
        };
        if let Packet::Connect(connect) = &packet {
            let name = connect.login.as_ref().map_or_else(String::new, |login| login.username.clone());
            self.name = (connect.client_id.clone(), name);
            // One and a half times as long as the client says (section 3.1.2.10).
            let seconds = u64::from(connect.keep_alive) * 1500;
            self.keep_alive = (seconds > 0).then(|| Duration::from_millis(seconds));
        }
        let steps = self.bridge.packet(packet);
        self.carry_out(steps).await?;
        Ok(true)
    }

    async fn carry_out(&mut self, steps: Vec<Step>) -> Result<(), Error> {
        for step in steps {
            match step {
                Step::Send(packet) => self.put(&packet)?,
                Step::Route(message) => self.line.deliver(message),
                Step::Close(why) => {
                    self.closing.get_or_insert(why);
                }
                Step::Publish(publish) => {
                    let read = self.mqtt.read(&publish).await;
                    for step in self.bridge.publish(&publish, read) {
                        match step {
                            Step::Route(message) => self.line.deliver(message),
                            Step::Send(packet) => self.put(&packet)?,
                            Step::Publish(_) | Step::Close(_) => {}
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, packet: &Packet) -> Result<(), Error> {
        let out = &mut self.output;
        let written = match packet {
            Packet::ConnAck(packet) => packet.write(out),
            Packet::Publish(packet) => packet.write(out),
            Packet::PubAck(packet) => packet.write(out),
            Packet::SubAck(packet) => packet.write(out),
            Packet::UnsubAck(packet) => packet.write(out),
            Packet::PingResp => mqttbytes::v4::PingResp.write(out),
            // A server sends no others.
            _ => return Ok(()),
        };
        written.map(drop).map_err(|e| Error::Malformed(described(e)))
    }

    async fn flush<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Result<(), Error> {
        if !self.share.set(self.input.capacity() + self.output.len() + self.line.bytes()) {
            return Err(Error::NoRoom);
        }
        if self.output.is_empty() {
            return Ok(());
        }
        let sending = async {
            stream.write_all(&self.output).await?;
            stream.flush().await
        };
        self.within_limit(sending).await?;
        self.output = BytesMut::new();
        Ok(())
    }

    /// What the client has to take, within `send_timeout`.
    async fn within_limit(&self, taking: impl Future<Output = io::Result<()>>) -> Result<(), Error> {
        let limit = self.mqtt.options.send_timeout;
        if limit.is_zero() {
            return Ok(taking.await?);
        }
        Ok(timeout(limit, taking).await.map_err(|_| Error::Stalled(limit))??)
    }

    /// Publishes the will, if there is one left.
    async fn end(mut self) {
        // After DISCONNECT the bridge is no longer open.
        self.mqtt.leave(&self.name, &self.superseded);
        if let Some(will) = self.bridge.take_will() {
            debug!("MQTT: the will of {} is published", self.name.0);
            let read = self.mqtt.read(&will).await;
            for step in self.bridge.publish(&will, read) {
                if let Step::Route(message) = step {
                    self.line.deliver(message);
                }
            }
        }
    }
}

const fn described(error: mqttbytes::Error) -> &'static str {
    match error {
        mqttbytes::Error::PayloadSizeLimitExceeded(_) => {
            "the client sends more than `max_message_size` at once"
        }
        mqttbytes::Error::PayloadTooLong => "a message is longer than MQTT has numbers for",
        mqttbytes::Error::TopicNotUtf8 => "a text of the client is no UTF-8",
        mqttbytes::Error::InvalidQoS(_) => "a quality of service that does not exist",
        mqttbytes::Error::PacketIdZero => "a packet has the number 0",
        mqttbytes::Error::MalformedRemainingLength => "the length of a packet has more than four bytes",
        _ => "the client sends what is no packet of MQTT 3.1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_client_sends_is_read_or_refused() {
        // Each byte of a packet in turn is made each of some others, and it is cut off at each place.
        let packets: [&[u8]; 6] = [
            b"\x10\x1d\x00\x04MQTT\x04\xc2\x00\x3c\x00\x02me\x00\x03joe\x00\x06secret",
            b"\x10\x18\x00\x04MQTT\x04\x0e\x00\x3c\x00\x02me\x00\x01a\x00\x05gone!",
            b"\x32\x08\x00\x02ab\x00\x05hi",
            b"\x82\x0c\x00\x07\x00\x01a\x00\x00\x03b/#\x01",
            b"\xa2\x05\x00\x08\x00\x01a",
            b"\x40\x02\x00\x05",
        ];
        let mut count = 0;
        for packet in packets {
            for at in 0..packet.len() {
                for byte in [0, 1, 2, 4, 0x10, 0x1d, 0x30, 0x3f, 0x7f, 0x80, 0xc0, 0xe0, 0xf0, 0xff] {
                    let mut bytes = packet.to_vec();
                    bytes[at] = byte;
                    for end in [bytes.len(), at, at + 1] {
                        let mut input = BytesMut::from(&bytes[..end.min(bytes.len())]);
                        while read(&mut input, 1000).is_ok() {
                            count += 1;
                        }
                    }
                }
            }
        }
        assert!(count > 100, "{count}");
    }
}
