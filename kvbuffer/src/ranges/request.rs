//! What a run asks of the registry.

use std::time::Duration;

use crate::holder::Identity;
use crate::position::{Lsn, Sequence};

/// What a run asks for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run's id: 1 to 200 visible characters, no `#` in front.
    pub run: String,
    /// Whose run it is.
    pub owner: String,
    /// A hash of everything in the configuration that shapes changes.
    pub config: String,
    /// The identity of the source.
    pub source: String,
    /// The first sequence to use, if this run is not registered yet.
    pub first: Option<Sequence>,
    /// Sequences to leave free behind the range before.
    pub gap: u64,
    /// How long the lease lasts without being renewed.
    pub lease: Duration,
    /// Who asks.
    pub identity: Identity,
    /// The snapshot's position, if known.
    pub snapshot_lsn: Option<Lsn>,
    /// What the run is begun with, if that is to be known later (see [`Range::begun_with`](super::Range::begun_with)).
    pub begin_with: Option<String>,
    /// The lease's token. Asking again with the same one, because an answer was lost, gives the same lease.
    pub token: String,
}

impl Request {
    /// A token that nobody else has: 128 random bits.
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
