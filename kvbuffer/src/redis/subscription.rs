//! Receiving published changes.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use redis::Msg;

use super::Buffer;
use crate::error::{Error, ErrorKind};

/// A subscription to the buffer's channel, on a connection of its own.
pub struct Subscription {
    buffer: Buffer,
    messages: Pin<Box<dyn Stream<Item = Msg> + Send>>,
}

impl Subscription {
    /// The next published member.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreachable`] if the connection is lost. Changes that are published before a new subscription are
    /// lost with it.
    pub async fn next(&mut self) -> Result<Vec<u8>, Error> {
        match self.messages.next().await {
            Some(message) => Ok(message.get_payload_bytes().to_vec()),
            None => Err(self.buffer.error("listen to changes", ErrorKind::Unreachable)),
        }
    }
}

impl Buffer {
    /// Subscribes to the channel. Everything published after this returns is received.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::connect`].
    pub async fn subscribe(&self) -> Result<Subscription, Error> {
        const ACTION: &str = "subscribe to changes";
        let subscribe = async {
            let mut pubsub = self.shared.client.get_async_pubsub().await?;
            pubsub.subscribe(self.keys().channel()).await?;
            Ok(pubsub)
        };
        let pubsub = tokio::time::timeout(self.shared.options.connect_timeout, subscribe)
            .await
            .map_err(|_| self.error(ACTION, ErrorKind::Timeout))?
            .map_err(|error| self.redis_error(ACTION, error))?;
        Ok(Subscription { buffer: self.clone(), messages: pubsub.into_on_message().boxed() })
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("buffer", &self.buffer).finish_non_exhaustive()
    }
}
