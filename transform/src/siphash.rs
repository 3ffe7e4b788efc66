//! SipHash-2-4 (Aumasson and Bernstein): a keyed function of a few numbers, for the rounds of a permutation, where
//! HMAC would cost too much.

/// A key of 128 bits.
#[derive(Clone, Copy)]
pub(crate) struct SipKey([u64; 2]);

impl std::fmt::Debug for SipKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SipKey")
    }
}

impl SipKey {
    pub(crate) fn new(key: [u64; 2]) -> Self {
        Self(key)
    }

    /// The hash of whole words.
    pub(crate) fn words(self, words: &[u64]) -> u64 {
        let mut state = State::new(self.0);
        for word in words {
            state.absorb(*word);
        }
        state.finish((words.len() as u64 * 8) << 56)
    }

    /// The hash of bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> u64 {
        let mut state = State::new(self.0);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state.absorb(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state.finish(u64::from_le_bytes(last) | (bytes.len() as u64) << 56)
    }
}

struct State([u64; 4]);

impl State {
    fn new([k0, k1]: [u64; 2]) -> Self {
        Self([
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    fn round(&mut self) {
        let [a, b, c, d] = &mut self.0;
        *a = a.wrapping_add(*b);
        *c = c.wrapping_add(*d);
        *b = b.rotate_left(13) ^ *a;
        *d = d.rotate_left(16) ^ *c;
        *a = a.rotate_left(32).wrapping_add(*d);
        *c = c.wrapping_add(*b);
        *d = d.rotate_left(21) ^ *a;
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }

    fn absorb(&mut self, word: u64) {
        self.0[3] ^= word;
        self.round();
        self.round();
        self.0[0] ^= word;
    }

    fn finish(mut self, last: u64) -> u64 {
        self.absorb(last);
        self.0[2] ^= 0xff;
        for _ in 0..4 {
            self.round();
        }
        self.0.iter().fold(0, |all, word| all ^ word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authors_vectors() {
        let key = SipKey::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        let bytes: Vec<u8> = (0..15).collect();
        assert_eq!(key.bytes(&bytes), 0xa129_ca61_49be_45e5);
        assert_eq!(key.bytes(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(key.bytes(&[0]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(key.words(&[0x0706_0504_0302_0100]), key.bytes(&bytes[..8]));
    }
}
