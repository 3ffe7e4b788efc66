//! A run's request to the registry.

use std::time::Duration;

use crate::holder::Process;
use crate::position::{Lsn, Sequence};

/// A run's request for a lease.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run's id: 1 to 200 visible characters, not beginning with `#`.
    pub run: String,
    /// The owner of the run.
    pub owner: String,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The first sequence to use, if this run is not registered yet.
    pub first: Option<Sequence>,
    /// Sequences to leave free after the previous range.
    pub gap: u64,
    /// How long the lease lasts if it is not renewed.
    pub lease: Duration,
    /// The process that asks.
    pub process: Process,
    /// The snapshot's position, if known.
    pub snapshot_lsn: Option<Lsn>,
    /// A token to record with the run's beginning, if any (see [`Range::begun_with`](super::Range::begun_with)).
    pub begin_with: Option<String>,
    /// The lease's token. Repeating the request with the same token, because an answer was lost, gives the same
    /// lease.
    pub token: String,
}

impl Request {
    /// A unique token: 128 random bits.
    ///
    /// # Errors
    /// When the system has no random numbers to give.
    pub fn new_token() -> std::io::Result<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hexadecimal_and_never_the_same() {
        let tokens: std::collections::HashSet<String> =
            (0..1000).map(|_| Request::new_token().unwrap()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| {
            token.len() == 32 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }));
    }
}
