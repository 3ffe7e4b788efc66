//! The name that somebody meant.

use strsim::osa_distance;

/// The candidate nearest to a misspelt name, if any is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(name);
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (osa_distance(&wanted, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean X?", or the whole list where nothing is near and the list is short.
pub(crate) fn hint<'a>(
    name: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = nearest(name, candidates.clone()) {
        return Some(format!("did you mean {near}?"));
    }
    let all: Vec<&str> = candidates.into_iter().take(41).collect();
    match all.len() {
        0 => None,
        1..=40 => Some(format!("{what}: {}", all.join(", "))),
        _ => Some(format!("{what}: {}, …", all[..40].join(", "))),
    }
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | '"')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant() {
        let names = ["FakeName", "FakeFirstName", "Template", "Regex", "email"];
        assert_eq!(nearest("FakeNmae", names), Some("FakeName"));
        assert_eq!(nearest("fake_name", names), Some("FakeName"));
        assert_eq!(nearest("Regexp", names), Some("Regex"));
        assert_eq!(nearest("e-mail", names), Some("email"));
        assert_eq!(nearest("Shuffle", names), None);
    }

    #[test]
    fn how_near_is_near_enough() {
        // Insertions, deletions, replacements and swaps of neighbours count one each.
        assert_eq!(nearest("sittnig", ["sitting"]), Some("sitting"));
        assert_eq!(nearest("kitten", ["sitting"]), None);
        assert_eq!(nearest("ba", ["ab"]), Some("ab"));
        // Of two letters that were swapped, neither moves again.
        assert_eq!(nearest("spanca", ["spanabc"]), None);
        // A third of the letters, at most four, and characters count, not bytes.
        assert_eq!(nearest("äöü", ["aöü"]), Some("aöü"));
        assert_eq!(nearest("äöü", ["aoü"]), None);
        assert_eq!(nearest("abcdefghijklmno", ["xxxxefghijklmno"]), Some("xxxxefghijklmno"));
        assert_eq!(nearest("abcdefghijklmno", ["xxxxxfghijklmno"]), None);
        // Of the equally near the first in the alphabet.
        assert_eq!(nearest("cat", ["rat", "bat"]), Some("bat"));
    }
}
