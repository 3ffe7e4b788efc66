//! SipHash-2-4: a keyed function of a few numbers, for the rounds of a permutation, where HMAC would
//! cost too much.
//!
//! What a column becomes depends on every bit of it, in every release: the vectors below hold that.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// A key of 128 bits.
#[derive(Clone, Copy)]
pub(crate) struct SipKey(SipHasher24);

/// Shows nothing of the key, as the hasher's own would.
impl std::fmt::Debug for SipKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SipKey")
    }
}

impl SipKey {
    pub(crate) fn new([k0, k1]: [u64; 2]) -> Self {
        Self(SipHasher24::new_with_keys(k0, k1))
    }

    /// The hash of whole words, each as its bytes from the lowest: word by word, which is faster.
    pub(crate) fn words<const N: usize>(self, words: [u64; N]) -> u64 {
        let mut hasher = self.0;
        words.into_iter().for_each(|word| hasher.write_u64(word));
        hasher.finish()
    }

    /// The hash of bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> u64 {
        self.0.hash(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SipKey {
        SipKey::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908])
    }

    #[test]
    fn the_authors_vectors() {
        let bytes: Vec<u8> = (0..64).collect();
        assert_eq!(key().bytes(&bytes[..15]), 0xa129_ca61_49be_45e5);
        assert_eq!(key().bytes(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(key().bytes(&[0]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(key().bytes(&bytes[..63]), 0x958a_324c_eb06_4572);
        // All 64 of them, in one number.
        let all = (0..64).fold(0_u64, |all, n| all.rotate_left(1) ^ key().bytes(&bytes[..n]));
        assert_eq!(all, 0x352d_e388_1954_be0a);
    }

    #[test]
    fn words_are_their_bytes_from_the_lowest() {
        assert_eq!(key().words([0x0706_0504_0302_0100]), key().bytes(&[0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(key().words([1, 2, 3]), 0x2ab7_68fe_a5b4_d0d3);
        assert_eq!(key().words([u64::MAX, 0]), 0x5b1a_b208_ad6c_55d3);
        assert_eq!(key().words([0x901, 7, u64::MAX]), 0x5ce7_426d_32c2_ae67);
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", key()), "SipKey");
    }
}
