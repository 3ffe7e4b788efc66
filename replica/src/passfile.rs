//! The lines of a password file, as libpq reads them. Pure.

use crate::secret::Secret;

/// Whose password is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
}

/// The password of the first line that fits: `host:port:database:user:password`, `*` for anything, `\` in front of a
/// colon or backslash that belongs to a field.
pub(crate) fn find(text: &str, login: Login<'_>) -> Option<Secret> {
    // A socket of the default folder is "localhost" there; any other has its path.
    let host = if matches!(login.host, "/var/run/postgresql" | "/tmp") { "localhost" } else { login.host };
    let port = login.port.to_string();
    let wanted = [host, &port, login.database, login.user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for wanted in wanted {
            let (field, after) = field(rest)?;
            if field != "*" && field != wanted {
                return None;
            }
            rest = after;
        }
        let password = unescaped(rest);
        (!password.is_empty()).then(|| Secret::new(password))
    })
}

/// A field and what is behind its colon.
fn field(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let end = text.char_indices().find_map(|(index, character)| {
        let ends = character == ':' && !escaped;
        escaped = character == '\\' && !escaped;
        ends.then_some(index)
    })?;
    Some((unescaped(&text[..end]), &text[end + 1..]))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Option<String> {
        let login = Login { host: "db", port: 5432, database: "shop", user: "ann" };
        find(text, login).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# comment\nother:5432:shop:ann:no\ndb:*:*:ann:yes\n*:*:*:*:late\n";
        assert_eq!(password(text).as_deref(), Some("yes"));
        assert_eq!(password("db:5433:shop:ann:no\n"), None);
        assert_eq!(password("db:5432:shop\n"), None);
    }

    #[test]
    fn backslashes_escape() {
        assert_eq!(password(r"db:5432:shop:ann:a\:b\\c:d").as_deref(), Some(r"a:b\c:d"));
        let login = Login { host: "/run/pg:1", port: 1, database: "d", user: "u" };
        assert!(find(r"/run/pg\:1:1:d:u:x", login).is_some());
    }

    #[test]
    fn a_socket_of_the_default_folder_is_localhost() {
        let login = Login { host: "/var/run/postgresql", port: 5432, database: "d", user: "u" };
        assert!(find("localhost:*:*:*:x", login).is_some());
    }
}
