//! The two forms of an address, as pairs of name and value.

use super::AddressError;

/// The parameters that `text` spells, in its order.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, AddressError> {
    let text = text.trim();
    match text.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => url(rest),
        _ if text.is_empty() => Ok(Vec::new()),
        _ if text.contains('=') => words(text),
        _ => Err(AddressError::Syntax(
            "it is neither a URL that begins with postgres:// nor pairs such as host=db dbname=shop",
        )),
    }
}

/// What is behind `postgres://`: `user:password@host:port,host:port/database?name=value&…`.
fn url(rest: &str) -> Result<Vec<(String, String)>, AddressError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    if database.contains(['/', '@']) {
        return Err(AddressError::Syntax(
            "the name of its database has a / or @: write %2F and %40, there and in a password",
        ));
    }
    let (login, hosts) = match place.rsplit_once('@') {
        Some((login, hosts)) => (login, hosts),
        None => ("", place),
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (names, ports) = hosts_and_ports(hosts)?;
    let mut pairs = Vec::new();
    for (name, value) in [("user", user), ("password", password), ("dbname", database)] {
        put(&mut pairs, name, decoded(value)?);
    }
    put(&mut pairs, "host", decoded(&names.join(","))?);
    put(&mut pairs, "port", decoded(&ports.join(","))?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((decoded(name)?, decoded(value)?));
    }
    Ok(pairs)
}

fn put(pairs: &mut Vec<(String, String)>, name: &str, value: String) {
    if !value.is_empty() {
        pairs.push((name.to_owned(), value));
    }
}

/// The hosts of a list, and their ports where any has one.
fn hosts_and_ports(text: &str) -> Result<(Vec<&str>, Vec<&str>), AddressError> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (name, port) = match part.strip_prefix('[') {
            Some(rest) => {
                let (name, after) = rest
                    .split_once(']')
                    .ok_or(AddressError::Syntax("an IPv6 address has no closing bracket"))?;
                (name, after.strip_prefix(':').unwrap_or(""))
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        names.push(name);
        ports.push(port);
    }
    if ports.iter().all(|port| port.is_empty()) {
        ports.clear();
    }
    Ok((names, ports))
}

/// The text with its `%XX` replaced.
fn decoded(text: &str) -> Result<String, AddressError> {
    const WRONG: AddressError = AddressError::Syntax(
        "a % in it is not followed by two hexadecimal digits of a character: write %25 for %",
    );
    if !text.contains('%') {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or(WRONG);
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(high * 16 + low).ok().filter(|byte| *byte != 0).ok_or(WRONG)?);
    }
    String::from_utf8(out).map_err(|_| WRONG)
}

/// `name=value name = 'a value'`, with `\` in front of a quote or backslash.
fn words(text: &str) -> Result<Vec<(String, String)>, AddressError> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(AddressError::Syntax(
            "a name in it has no value: write name=value, and a value with blanks in single quotes",
        ))?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(AddressError::Syntax(
                "there is a word without =: write name=value, and a value with blanks in single quotes",
            ));
        }
        let (value, after) = value(after.trim_start())?;
        pairs.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

fn value(text: &str) -> Result<(String, &str), AddressError> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => out.extend(characters.next().map(|(_, character)| character)),
            '\'' if quoted => return Ok((out, &text[index + 1..])),
            character if !quoted && character.is_whitespace() => return Ok((out, &text[index..])),
            character => out.push(character),
        }
    }
    if quoted {
        return Err(AddressError::Syntax("a quoted value in it does not end"));
    }
    Ok((out, ""))
}
