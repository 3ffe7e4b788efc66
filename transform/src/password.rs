//! Password hashes in the forms that Kasho writes. They are slow by design.

use crate::config::PasswordHash;
use crate::error::Reason;

/// bcrypt would cut longer passwords silently.
const BCRYPT_LONGEST: usize = 72;

/// Appends the hash of a password: bcrypt in its own form, otherwise `hex(salt)$hex(hash)`.
pub(crate) fn push(
    hash: PasswordHash,
    cleartext: &[u8],
    salt: [u8; 16],
    out: &mut String,
) -> Result<(), Reason> {
    let mut derived = [0; 32];
    match hash {
        PasswordHash::Bcrypt { cost } => return bcrypt(cost, cleartext, salt, out),
        PasswordHash::Scrypt { log_n, r, p } => {
            let broken = Reason::Password("scrypt does not accept these n, r and p");
            let parameters = scrypt::Params::new(log_n, r, p).map_err(|_| broken)?;
            scrypt::scrypt(cleartext, &salt, &parameters, &mut derived).map_err(|_| broken)?;
        }
        PasswordHash::Pbkdf2 { iterations } => {
            pbkdf2::pbkdf2_hmac::<sha2::Sha256>(cleartext, &salt, iterations, &mut derived);
        }
        PasswordHash::Argon2id { time, memory, threads } => {
            let broken = Reason::Password("argon2id does not accept this time, memory and threads");
            let parameters = argon2::Params::new(memory, time, threads, Some(32)).map_err(|_| broken)?;
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
                .hash_password_into(cleartext, &salt, &mut derived)
                .map_err(|_| broken)?;
        }
    }
    out.push_str(&crate::text::hex(&salt));
    out.push('$');
    out.push_str(&crate::text::hex(&derived));
    Ok(())
}

/// Appends a text of the same length as the hash.
pub(crate) fn stand_in(hash: PasswordHash, cleartext: &[u8], out: &mut String) -> Result<(), Reason> {
    let length = match hash {
        PasswordHash::Bcrypt { .. } => {
            bcrypt_takes(cleartext)?;
            60
        }
        _ => 2 * 16 + 1 + 2 * 32,
    };
    out.extend(std::iter::repeat_n('-', length));
    Ok(())
}

fn bcrypt_takes(cleartext: &[u8]) -> Result<(), Reason> {
    if cleartext.len() > BCRYPT_LONGEST {
        return Err(Reason::Password("bcrypt takes at most 72 bytes"));
    }
    if cleartext.contains(&0) {
        return Err(Reason::Password("bcrypt does not accept NUL"));
    }
    Ok(())
}

fn bcrypt(cost: u32, cleartext: &[u8], salt: [u8; 16], out: &mut String) -> Result<(), Reason> {
    use std::fmt::Write;
    bcrypt_takes(cleartext)?;
    // A NUL would end the password.
    let mut password = cleartext.to_vec();
    if password.len() < BCRYPT_LONGEST {
        password.push(0);
    }
    let hash = bcrypt::bcrypt(cost, salt, &password);
    // Writing to a string cannot fail.
    let _ = write!(out, "$2a${cost:02}$");
    push_base64(&salt, out);
    push_base64(&hash[..23], out);
    Ok(())
}

/// Base64 with bcrypt's own alphabet and no padding.
fn push_base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().chain([0, 0].iter()).take(3).fold(0, |word, byte| word << 8 | u32::from(*byte));
        for at in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * at) & 63) as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that other programs made, by their own implementations.
    #[test]
    fn bcrypt_of_others() {
        let salt_of = |text: &str| {
            let alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
            let bits = text.chars().fold((0_u128, 0_u32), |(all, n), c| {
                let value = alphabet.find(c).unwrap() as u128;
                // 22 characters have 132 bits, of which the last four are nothing.
                if n == 21 { (all << 2 | value >> 4, n + 1) } else { (all << 6 | value, n + 1) }
            });
            bits.0.to_be_bytes()
        };
        for (password, hash) in [
            ("staging-1", "$2a$04$qDAV0VNfoYMSR3M0M90bnuZhmE4mAUJ6EKULCjwb18DldvcI3q6w6"),
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
        ] {
            let cost = hash[4..6].parse().unwrap();
            let mut out = String::new();
            push(PasswordHash::Bcrypt { cost }, password.as_bytes(), salt_of(&hash[7..29]), &mut out)
                .unwrap();
            assert_eq!(out, hash);
        }
    }

    #[test]
    fn bcrypt_refuses_what_it_would_cut() {
        let hash = |password: &str| {
            push(PasswordHash::Bcrypt { cost: 4 }, password.as_bytes(), [1; 16], &mut String::new())
        };
        assert!(hash(&"x".repeat(72)).is_ok());
        assert!(hash(&"x".repeat(73)).is_err());
        assert!(hash("a\0b").is_err());
    }
}
