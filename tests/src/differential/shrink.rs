//! Makes a failing script smaller.

use super::script::Script;

/// The smallest script that greedy steps reach and that still fails. `fails` is asked at most `limit` times.
pub fn shrink(script: &Script, limit: usize, mut fails: impl FnMut(&Script) -> bool) -> Script {
    let mut best = script.clone();
    let mut left = limit;
    let mut try_it = |best: &mut Script, candidate: Script| {
        if left == 0 {
            return false;
        }
        left -= 1;
        let smaller = fails(&candidate);
        if smaller {
            *best = candidate;
        }
        smaller
    };
    // Halves first, then quarters, at last one by one from the end, as long as that helps.
    let mut size = best.pieces.len().div_ceil(2).max(1);
    loop {
        let mut helped = false;
        let mut end = best.pieces.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            let candidate = best.without(start..end);
            helped |= try_it(&mut best, candidate);
            end = start;
        }
        if size > 1 {
            size = size.div_ceil(2);
        } else if !helped {
            break;
        }
    }
    while let Some(candidate) = best.smaller_pieces().collect::<Vec<_>>().into_iter().find_map(|candidate| {
        let mut found = best.clone();
        try_it(&mut found, candidate).then_some(found)
    }) {
        best = candidate;
    }
    if let Some(plain) = best.plain_bytes() {
        try_it(&mut best, plain);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::script::Piece;
    use super::*;

    #[test]
    fn what_the_failure_needs_is_what_stays() {
        let rows = ["1", "2", "bad", "4"].map(String::from).to_vec();
        let mut pieces: Vec<Piece> = (0..20).map(|n| Piece::text(format!("s{n};\n"))).collect();
        pieces.insert(13, Piece::rows("rows ".into(), rows, ",", ";\n".into()));
        let script = Script { pieces, ..Script::default() };
        let fails = |script: &Script| {
            let text = script.text();
            text.contains("bad") && text.contains("s3;") && text.contains("s17;")
        };
        assert_eq!(shrink(&script, 1000, fails).text(), "s3;\nrows bad;\ns17;\n");
        assert_eq!(shrink(&script, 0, fails), script);
    }
}
