//! A statement ends at the same place however its bytes arrive, and reading it never panics.

#![no_main]

use dump::{Boundary, Stop, Variables, classify, identity, object, standard_strings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], bool, u8)| {
    let (text, standard, step) = input;
    let variables = Variables::default();
    let whole = Boundary::default().find(text, true, standard, &variables);
    let mut boundary = Boundary::default();
    let (mut end, mut found) = (0, None);
    while end < text.len() && found.is_none() {
        end = (end + usize::from(step % 16) + 1).min(text.len());
        found = boundary.find(&text[..end], end == text.len(), standard, &variables);
    }
    assert_eq!(found, whole);

    let end = if let Some(Stop::End(end)) = whole { end } else { text.len() };
    let Ok(text) = std::str::from_utf8(&text[..end]) else { return };
    let _ = classify(text, standard);
    let _ = object::bookkeeping(text, standard);
    if let Some((rewritten, columns)) = identity::by_default(text, standard) {
        assert!(!columns.is_empty() && rewritten != text);
    }
    if !standard {
        // In the form that needs no setting nothing is left to rewrite.
        let once = standard_strings(text);
        assert_eq!(standard_strings(&once), once);
    }
});
