//! Choices by the key: the same for the same value, and not predictable without the key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::siphash::SipKey;

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

/// The secret that decides which fake replaces a value.
///
/// Anyone who has the key and the replica can find an original by trying. With the replica alone this is not
/// possible.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
    secret: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// The secret is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transform key has {length} bytes; it needs at least 16 (`openssl rand -hex 32` makes a key)")]
pub struct KeyError {
    /// Its bytes, without the line end.
    pub length: usize,
}

impl Key {
    /// Makes a key from the bytes of a key file. White space at the end, which editors add, is not part of the key.
    ///
    /// # Errors
    ///
    /// If fewer than 16 bytes are left.
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let secret = secret.trim_ascii_end();
        if secret.len() < SHORTEST {
            return Err(KeyError { length: secret.len() });
        }
        Ok(Self { mac: mac(secret), secret: true })
    }

    /// The public key, for transforms without a secret: results are equally stable, but a dictionary reverses them.
    #[must_use]
    pub fn insecure_unkeyed() -> Self {
        Self { mac: mac(b"pg-bootstrap without a key"), secret: false }
    }

    /// Whether it is a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Distinguishes keys without revealing them. It is stored beside the configuration's hash.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        crate::text::hex(&self.source("fingerprint", "").seed("")[..8])
    }

    /// The choices for one purpose. Choices with different purposes or salts are independent.
    pub(crate) fn source(&self, purpose: &str, salt: &str) -> Source {
        let mut head = Vec::with_capacity(64);
        for part in [purpose, salt] {
            head.extend_from_slice(&(part.len() as u64).to_be_bytes());
            head.extend_from_slice(part.as_bytes());
        }
        // Whole blocks are hashed once here, instead of again for each value.
        head.resize(head.len().next_multiple_of(64), 0);
        let mut mac = self.mac.clone();
        mac.update(&head);
        Source { mac }
    }
}

/// Makes a key of fixed length from a secret of any length.
fn mac(secret: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(secret));
    Hmac::new(&block.into())
}

/// The key for one purpose and one salt.
#[derive(Clone)]
pub(crate) struct Source {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

impl Source {
    pub(crate) fn seed(&self, value: &str) -> [u8; 32] {
        self.mac.clone().chain_update(value.as_bytes()).finalize().into_bytes().into()
    }

    #[cfg(test)]
    pub(crate) fn draw(&self, value: &str) -> Draw {
        Draw::new(self.seed(value))
    }

    /// The key of a permutation.
    pub(crate) fn sip(&self) -> SipKey {
        self.sip_of("")
    }

    /// The key of one of several permutations.
    pub(crate) fn sip_of(&self, which: &str) -> SipKey {
        let seed = self.seed(which);
        SipKey::new([word(&seed, 0), word(&seed, 1)])
    }
}

fn word(seed: &[u8; 32], at: usize) -> u64 {
    seed[at * 8..][..8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Random numbers from a seed: xoshiro256**. They reveal nothing about the key that made the seed.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    state: [u64; 4],
}

impl Draw {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { state: [0, 1, 2, 3].map(|at| word(&seed, at)) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number below `limit`, which must not be 0. The probabilities of two numbers differ by less than `limit` in
    /// 2^64.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// One item of a list that is not empty.
    pub(crate) fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len() as u64) as usize]
    }

    /// A number in the range, both ends included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low);
        let step = if span == u64::MAX { self.next() } else { self.below(span + 1) };
        low.wrapping_add_unsigned(step)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_salts_and_keys_have_nothing_in_common() {
        let (a, b) = (Key::new(b"0123456789abcdef").unwrap(), Key::new(b"0123456789abcdeg").unwrap());
        let seeds = [
            a.source("x", "").seed("v"),
            a.source("y", "").seed("v"),
            a.source("x", "s").seed("v"),
            a.source("xs", "").seed("v"),
            a.source("x", "").seed("w"),
            b.source("x", "").seed("v"),
            Key::insecure_unkeyed().source("x", "").seed("v"),
        ];
        for (i, one) in seeds.iter().enumerate() {
            assert!(seeds[..i].iter().all(|other| other != one), "{i}");
        }
        assert_eq!(a.source("x", "").seed("v"), a.clone().source("x", "").seed("v"));
        assert_ne!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn short_keys_are_refused_and_line_ends_do_not_count() {
        assert_eq!(Key::new(b"too short\n").unwrap_err().length, 9);
        let (bare, line) =
            (Key::new(b"0123456789abcdef").unwrap(), Key::new(b"0123456789abcdef\r\n").unwrap());
        assert_eq!(bare.fingerprint(), line.fingerprint());
        assert!(!format!("{bare:?}").contains("0123"));
    }

    #[test]
    fn bounds_are_kept_and_reached() {
        let mut draw = Key::insecure_unkeyed().source("t", "").draw("");
        let (mut low, mut high) = (false, false);
        for _ in 0..1000 {
            let n = draw.between(-3, 3);
            assert!((-3..=3).contains(&n));
            low |= n == -3;
            high |= n == 3;
            assert!((0.0..1.0).contains(&draw.unit()));
        }
        assert!(low && high);
        draw.between(i64::MIN, i64::MAX);
    }
}
