//! Notifies Kasho's change stream when a bootstrap starts and when it is complete.
//!
//! ```text
//! WAITING ──StartBootstrap──▶ ACCUMULATING ──CompleteBootstrap──▶ STREAMING
//!           (before anything is written)      (after everything is counted)
//! ```
//!
//! # Guarantees
//!
//! - Each step reads the state first, so a step that is repeated after a crash changes nothing: a stream that
//!   accumulates from our own position counts as started, and one that streams from it counts as complete.
//! - Nothing is written into a set that is being streamed.
//! - A stream that cannot be reached is called again for as long as `--retry-timeout` says.

use std::time::Duration;

use kvbuffer::Lsn;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::progress::Progress;
use protocol::change_stream_client::ChangeStreamClient;
use protocol::{
    BootstrapResponse, CompleteBootstrapRequest, GetStatusRequest, GetStatusResponse, StartBootstrapRequest,
};
use source::retry::Backoff;

/// Generated from `proto/change_stream.proto`; a test compares the two. So building the program does not need the
/// generator.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "generated")]
mod protocol {
    include!("../../proto/change_stream.rs");
}

const WAITING: &str = "WAITING";
const ACCUMULATING: &str = "ACCUMULATING";
const STREAMING: &str = "STREAMING";

/// The time after which a request is given up and retried.
const REQUEST: Duration = Duration::from_secs(10);

/// The change stream and the notifications to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeStream {
    /// Its address, as typed.
    pub address: String,
    /// Notify it that the bootstrap starts.
    pub start: bool,
    /// Notify it that the bootstrap is complete.
    pub complete: bool,
    /// The position of the dump's snapshot.
    pub position: Option<Lsn>,
    /// The name of the exported snapshot.
    pub snapshot_name: Option<String>,
    /// How long to retry.
    pub retry: Duration,
}

/// The state of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It keeps changes until the bootstrap is complete.
    Accumulating,
    /// It already streams the bootstrap from this position.
    Streaming,
}

/// The result of an attempt.
enum Answer<T> {
    /// It is done.
    Done(T),
    /// The state has changed in between, or a request failed in a way that may pass.
    Again(Status),
}

impl ChangeStream {
    /// Checks an address: a host and a port, without TLS.
    ///
    /// # Errors
    /// The fault in the address.
    pub fn endpoint(address: &str) -> Result<Endpoint, String> {
        let host = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
        let (name, port) = host.rsplit_once(':').ok_or("it has no port, like change-stream:50051")?;
        if name.is_empty() || name.contains(['/', '@', '?', '#']) || port.parse::<u16>().is_err() {
            return Err("it is not a host and a port, like change-stream:50051".to_owned());
        }
        let endpoint = Endpoint::from_shared(format!("http://{host}")).map_err(|error| error.to_string())?;
        Ok(endpoint.connect_timeout(REQUEST).timeout(REQUEST))
    }

    /// Makes the stream keep changes from our position on.
    ///
    /// # Errors
    /// [`Error::ChangeStreamState`] if it is in another bootstrap, [`Error::ChangeStreamAway`] if it cannot be
    /// reached for too long, [`Error::Usage`] if it refuses for good.
    pub async fn start(&self, progress: &Progress, stop: &Stop) -> Result<Begun, Error> {
        self.again("start the bootstrap", progress, stop, async |client| {
            let status = client.get_status(GetStatusRequest {}).await?.into_inner();
            let begun = match status.state.as_str() {
                WAITING => {
                    let request = StartBootstrapRequest {
                        start_position: self.position.map(|lsn| lsn.to_string()).unwrap_or_default(),
                        snapshot_name: self.snapshot_name.clone().unwrap_or_default(),
                    };
                    let reply = client.start_bootstrap(request).await?.into_inner();
                    return Ok(self.reached(&reply, ACCUMULATING).map(|()| Begun::Accumulating));
                }
                ACCUMULATING if self.is_ours(&status) => Begun::Accumulating,
                STREAMING if self.is_ours(&status) => Begun::Streaming,
                _ => return Ok(Err(self.wrong(&status, "our bootstrap cannot start in this state"))),
            };
            tracing::info!(
                address = self.address,
                state = status.state,
                "the change stream already knows this bootstrap"
            );
            Ok(Ok(begun))
        })
        .await
    }

    /// Whether it streams our bootstrap already. Else it keeps changes for it.
    ///
    /// # Errors
    /// As [`ChangeStream::start`], also if it was not told that the bootstrap starts.
    pub async fn is_streaming(&self, progress: &Progress, stop: &Stop) -> Result<bool, Error> {
        self.again("look at the bootstrap", progress, stop, async |client| {
            let status = client.get_status(GetStatusRequest {}).await?.into_inner();
            Ok(match status.state.as_str() {
                ACCUMULATING if self.is_ours(&status) => Ok(false),
                STREAMING if self.is_ours(&status) => Ok(true),
                WAITING => Err(self.not_started(&status)),
                _ => Err(self.wrong(&status, "it is in another bootstrap")),
            })
        })
        .await
    }

    /// How many clients it has.
    ///
    /// # Errors
    /// As [`ChangeStream::start`].
    pub async fn clients(&self, progress: &Progress, stop: &Stop) -> Result<i32, Error> {
        self.again("count the clients", progress, stop, async |client| {
            Ok(Ok(client.get_status(GetStatusRequest {}).await?.into_inner().connected_clients))
        })
        .await
    }

    /// Makes the stream start to stream.
    ///
    /// # Errors
    /// As [`ChangeStream::start`].
    pub async fn complete(&self, progress: &Progress, stop: &Stop) -> Result<(), Error> {
        self.again("complete the bootstrap", progress, stop, async |client| {
            let status = client.get_status(GetStatusRequest {}).await?.into_inner();
            match status.state.as_str() {
                ACCUMULATING if self.is_ours(&status) => {
                    let reply = client.complete_bootstrap(CompleteBootstrapRequest {}).await?.into_inner();
                    Ok(self.reached(&reply, STREAMING))
                }
                STREAMING if self.is_ours(&status) => {
                    tracing::info!(address = self.address, "the change stream is already streaming");
                    Ok(Ok(()))
                }
                WAITING => Ok(Err(self.not_started(&status))),
                _ => Ok(Err(self.wrong(&status, "it is waiting for another bootstrap"))),
            }
        })
        .await
    }

    /// Whether it is in a bootstrap from our position. If we have no position, any bootstrap is ours.
    fn is_ours(&self, status: &GetStatusResponse) -> bool {
        let theirs = status.start_position.trim();
        self.position.is_none_or(|ours| theirs.parse::<Lsn>().is_ok_and(|theirs| theirs == ours))
    }

    fn reached(&self, reply: &BootstrapResponse, wanted: &str) -> Result<(), Error> {
        let (then, now) = (&reply.previous_state, &reply.current_state);
        tracing::info!(address = self.address, "the change stream was {then}, now it is {now}");
        if now == wanted {
            return Ok(());
        }
        Err(Error::ChangeStreamState(format!(
            "the change stream at {} is {now} after the call, not {wanted}",
            self.address
        )))
    }

    fn not_started(&self, status: &GetStatusResponse) -> Error {
        self.wrong(status, "no bootstrap has been started: --start-bootstrap starts one")
    }

    fn wrong(&self, status: &GetStatusResponse, why: &str) -> Error {
        let ours = self.position.map_or_else(String::new, |lsn| format!(", ours is {lsn}"));
        let theirs = match status.start_position.trim() {
            "" => String::new(),
            position => format!(" with start position {position}{ours}"),
        };
        Error::ChangeStreamState(format!(
            "the change stream at {} is {}{theirs}: {why}; find out which bootstrap it is in",
            self.address, status.state
        ))
    }

    /// Tries one step until it succeeds; failures that may pass are retried. Each attempt reads the state again.
    async fn again<T>(
        &self,
        action: &'static str,
        progress: &Progress,
        stop: &Stop,
        attempt: impl AsyncFn(&mut ChangeStreamClient<Channel>) -> Result<Result<T, Error>, Status>,
    ) -> Result<T, Error> {
        let endpoint = Self::endpoint(&self.address)
            .map_err(|what| Error::Usage(format!("--change-stream {}: {what}", self.address)))?;
        let mut backoff = Backoff::default();
        loop {
            let mut client = ChangeStreamClient::new(endpoint.connect_lazy());
            let answer = tokio::select! {
                result = attempt(&mut client) => self.answer(action, result)?,
                signal = stop.wait() => return Err(Error::Stopped(signal)),
            };
            let status = match answer {
                Answer::Done(value) => {
                    progress.going_on();
                    return Ok(value);
                }
                Answer::Again(status) => status,
            };
            let why = describe(&status);
            if backoff.is_over(self.retry) {
                let waited = backoff.elapsed().as_secs();
                return Err(Error::ChangeStreamAway { action, address: self.address.clone(), waited, why });
            }
            let (address, most) = (&self.address, self.retry.as_secs());
            progress.waiting(format!(
                "{action} at the change stream {address}: {why}; retrying for up to {most} s"
            ));
            stop.sleep(backoff.pause()).await?;
        }
    }

    fn answer<T>(&self, action: &str, result: Result<Result<T, Error>, Status>) -> Result<Answer<T>, Error> {
        match result {
            Ok(Ok(value)) => Ok(Answer::Done(value)),
            Ok(Err(error)) => Err(error),
            Err(status) if may_pass(status.code()) => Ok(Answer::Again(status)),
            Err(status) => Err(Error::Usage(format!(
                "--change-stream {}: cannot {action}: {}",
                self.address,
                describe(&status)
            ))),
        }
    }
}

/// Whether a retry may help. The stream uses Unknown for a wrong state; the next look tells which state it is.
fn may_pass(code: Code) -> bool {
    match code {
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Unknown
        | Code::Internal
        | Code::Aborted
        | Code::Cancelled
        | Code::ResourceExhausted
        | Code::DataLoss => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => false,
    }
}

fn describe(status: &Status) -> String {
    let cause = std::error::Error::source(status)
        .map_or_else(String::new, |cause| format!(": {}", crate::base::error::chain(cause)));
    format!("{:?}: {}{cause}", status.code(), status.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for right in
            ["kasho:50051", "http://kasho:50051", "10.0.0.1:1", "[::1]:50051", "http://kasho.ns.svc:50051/"]
        {
            ChangeStream::endpoint(right).unwrap();
        }
        for wrong in
            ["", "kasho", "https://kasho:50051", "kasho:x", ":50051", "http://me@kasho:1", "kasho:1/x"]
        {
            assert!(ChangeStream::endpoint(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn positions_are_compared_as_numbers() {
        let ours = |position: Option<&str>, theirs: &str| {
            let stream = ChangeStream {
                address: String::new(),
                start: true,
                complete: true,
                position: position.map(|lsn| lsn.parse().unwrap()),
                snapshot_name: None,
                retry: Duration::ZERO,
            };
            stream.is_ours(&GetStatusResponse {
                state: String::new(),
                start_position: theirs.to_owned(),
                connected_clients: 0,
            })
        };
        assert!(ours(Some("16/B374D848"), "16/b374d848"));
        assert!(ours(Some("0/1"), "0/00000001"));
        assert!(!ours(Some("0/1"), "0/2"));
        assert!(!ours(Some("0/1"), ""));
        assert!(ours(None, "0/2"));
    }
}
