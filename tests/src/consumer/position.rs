//! Positions as the consumer reads them, with everything that its `Sscanf` accepts.

/// How a position was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAs {
    /// `0/BOOTSTRAP…` with the sequence that was read.
    Sequence(i64),
    /// `X/Y`.
    Lsn,
    /// `name.NNNNNN:offset`.
    Binlog,
    /// The word `bootstrap`: before everything.
    Bootstrap,
}

/// The score of a position and what it was taken for; an error where the consumer refuses it.
pub fn read_position(position: &str) -> Result<(f64, ReadAs), String> {
    if position == "bootstrap" {
        return Ok((-1e18, ReadAs::Bootstrap));
    }
    if let Some(rest) = position.strip_prefix("0/BOOTSTRAP") {
        let sequence =
            scan_decimal(rest, 16).ok_or_else(|| format!("invalid bootstrap position format: {position}"))?;
        return Ok(((sequence - 1_000_000) as f64, ReadAs::Sequence(sequence)));
    }
    if let Some((file, offset)) = position.split_once(':') {
        let number = file.rsplit_once('.').and_then(|(_, digits)| digits.parse::<u64>().ok());
        if let (Some(number), Ok(offset)) = (number, offset.parse::<u64>()) {
            return Ok((((number << 32) + offset) as f64, ReadAs::Binlog));
        }
    }
    lsn(position)
        .map(|lsn| (lsn as f64, ReadAs::Lsn))
        .ok_or_else(|| format!("invalid position format: {position}"))
}

/// `%X/%X`: leading space is skipped, what follows is not looked at, and nothing is checked for overflow.
fn lsn(position: &str) -> Option<u64> {
    let (high, rest) = scan_hex(position)?;
    let (low, _) = scan_hex(rest.strip_prefix('/')?)?;
    Some((high << 32).wrapping_add(low))
}

fn scan_hex(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start_matches(' ');
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    Some((u64::from_str_radix(text.get(..digits)?, 16).ok()?, &text[digits..]))
}

/// `%16d`: spaces, then a sign and digits, at most `width` characters of them.
fn scan_decimal(text: &str, width: usize) -> Option<i64> {
    let text = text.trim_start_matches(' ');
    let text: String = text.chars().take(width).collect();
    let sign = usize::from(text.starts_with(['+', '-']));
    let digits = text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    text[..sign + digits].parse().ok()
}
