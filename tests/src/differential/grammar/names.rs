//! Names, and the ways to spell one.

use crate::rng::Rng;

/// `postgres` is the schema of the user who runs the scripts. It affects many lookups and rarely exists.
pub(super) const SCHEMAS: [&str; 16] = [
    "app",
    "stage",
    "App",
    "a.b",
    "my schema",
    "app",
    "stage",
    "App",
    "a.b",
    "my schema",
    "app",
    "stage",
    "App",
    "a.b",
    "my schema",
    "postgres",
];
pub(super) const TABLES: [&str; 5] = ["t", "u", "acct", "items", "Order"];
pub(super) const COLUMNS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
pub(super) const ODD_TABLES: [&str; 7] = [
    "user",
    "t.x",
    "é",
    "select",
    "a b",
    "T",
    "this_name_has_exactly_sixty_three_bytes_so_that_more_is_cut_off",
];
pub(super) const ODD_COLUMNS: [&str; 7] = [
    "Id",
    "select",
    "x y",
    "ü",
    "user",
    "a.b",
    "this_column_has_exactly_sixty_three_bytes_so_what_follows_is_cut",
];

/// As SQL needs it.
pub(super) fn quote(name: &str) -> String {
    if is_plain(name) { name.into() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn is_plain(name: &str) -> bool {
    let reserved = ["user", "select", "table", "order", "group", "all"];
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !reserved.contains(&name)
}

/// Another spelling of the same name.
pub(super) fn odd_spelling(name: &str, rng: &mut Rng) -> String {
    let quoted = format!("\"{}\"", name.replace('"', "\"\""));
    match rng.below(5) {
        0 if is_plain(name) => name.to_uppercase(),
        1 => escaped(name),
        // PostgreSQL cuts names at 63 bytes.
        2 if is_plain(name) && name.len() == 63 => format!("{name}_and_more"),
        3 if name.len() == 63 => format!("\"{name} and more\""),
        _ => quoted,
    }
}

/// `U&"…"` with the first character as an escape.
fn escaped(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map_or(0, u32::from);
    format!("U&\"\\{first:04x}{}\"", chars.as_str().replace('\\', "\\\\").replace('"', "\"\""))
}
