//! A control connection: commands, answers, events.

use super::error::{ControlError, PATIENCE};
use super::reply::{Decoder, Malformed, Reply};
use crate::net::stream::Stream;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Events that may come before an answer; tor never sends so many.
const MOST_EVENTS: usize = 10_000;

/// A connection on which one command at a time is sent; what tor says in between waits as events.
pub(crate) struct Control {
    stream: Stream,
    decoder: Decoder,
    events: VecDeque<Reply>,
}

impl Control {
    /// On a connection that nothing was said on.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, decoder: Decoder::default(), events: VecDeque::new() }
    }

    /// Sends a command, of which only `line` is secret, and waits for its answer. Not cancel-safe.
    pub(crate) async fn command(&mut self, line: &str) -> Result<Reply, ControlError> {
        let exchange = async {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.flush().await?;
            loop {
                let reply = self.read().await?;
                if !reply.is_event() {
                    return Ok(reply);
                }
                if self.events.len() == MOST_EVENTS {
                    return Err(Malformed::TooLong.into());
                }
                self.events.push_back(reply);
            }
        };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(ControlError::Silent))
    }

    /// The same, with an error unless tor agrees; `name` stands for the command there.
    pub(crate) async fn demand(&mut self, name: &'static str, line: &str) -> Result<Reply, ControlError> {
        let reply = self.command(line).await?;
        if reply.is_ok() {
            Ok(reply)
        } else {
            Err(ControlError::Refused { command: name, reply: reply.text() })
        }
    }

    /// The next event. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Result<Reply, ControlError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let reply = self.read().await?;
            // Nothing was asked: an answer is none to us.
            if reply.is_event() {
                return Ok(reply);
            }
        }
    }

    async fn read(&mut self) -> Result<Reply, ControlError> {
        loop {
            if let Some(reply) = self.decoder.next()? {
                return Ok(reply);
            }
            if self.stream.read_buf(&mut self.decoder.bytes).await? == 0 {
                return Err(ControlError::Closed);
            }
        }
    }
}
