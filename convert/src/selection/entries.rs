//! Entries of an archive as text: `7 12-40 9`, in the order in which they are read.

use std::sync::Arc;

pub(super) fn text(entries: &[i32]) -> String {
    let mut runs: Vec<(i32, i32)> = Vec::new();
    for &entry in entries {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(entry) => *last = entry,
            _ => runs.push((entry, entry)),
        }
    }
    let run = |(first, last): &(i32, i32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    // An empty list is a choice, too.
    if runs.is_empty() { "none".to_owned() } else { runs.iter().map(run).collect::<Vec<_>>().join(" ") }
}

pub(super) fn parse(text: &str) -> Option<Arc<[i32]>> {
    let mut entries = Vec::new();
    for run in text.split(' ').filter(|run| *run != "none") {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        entries.extend(first.parse::<i32>().ok()?..=last.parse().ok()?);
    }
    Some(entries.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (entries, said) in [
            (&[][..], "none"),
            (&[5], "5"),
            (&[5, 6, 7, 3, 4, 9, 8], "5-7 3-4 9 8"),
            (&[i32::MAX, 1], "2147483647 1"),
        ] {
            assert_eq!(text(entries), said);
            assert_eq!(parse(said).as_deref(), Some(entries));
        }
        assert_eq!(parse("1-x"), None);
    }
}
