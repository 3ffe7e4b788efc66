//! Ignores the keys in `\restrict KEY` and `\unrestrict KEY`, which pg_dump generates anew for each dump.
//!
//! Two dumps of an unchanged database differ in nothing else. Each byte of a key is passed on as an `x`. So a dump
//! with a key of another length, which moves everything after it, is still another dump.
//!
//! Only text that psql takes for the command counts: a line before the first SQL, and the first later line with the
//! same key that ends the restriction. The same text within rows, or anywhere else, is passed on unchanged.

use memchr::{memchr, memmem};

/// The longest key that is recognised; pg_dump's keys have 63 characters.
const LONGEST_KEY: usize = 128;
const BEGIN: &[u8] = b"\\restrict ";
const END: &[u8] = b"\n\\unrestrict ";

/// At most this many bytes are held back until it is known whether they are a key.
pub(super) const HELD: usize = END.len() + LONGEST_KEY;

/// A filter of a stream of bytes. Its output does not depend on how the input is divided.
#[derive(Debug, Default)]
pub(super) struct Filter {
    state: State,
    /// The bytes that are not passed on yet.
    held: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    /// At the start of a line with no SQL before it.
    #[default]
    LineStart,
    /// Within such a line: white space, a comment or a psql command.
    Line,
    /// After `\restrict`, up to the line with these bytes.
    Section(Vec<u8>),
    /// SQL came without a key before it: no key follows.
    Sql,
}

/// What to do next.
enum Step {
    /// Pass this many bytes on unchanged.
    Pass(usize),
    /// Pass this many bytes on, and then replace a key of this length.
    Key(usize, usize),
    /// More bytes are needed.
    More,
}

impl Filter {
    /// Takes bytes in, and passes on those that are decided.
    pub(super) fn push(&mut self, bytes: &[u8], mut give: impl FnMut(&[u8])) {
        if self.held.is_empty() && matches!(self.state, State::Sql) {
            return give(bytes);
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            match self.step(rest) {
                Step::Pass(count) => {
                    give(&rest[..count]);
                    rest = &rest[count..];
                }
                Step::Key(before, key) => {
                    give(&rest[..before]);
                    give(&[b'x'; LONGEST_KEY][..key]);
                    rest = &rest[before + key..];
                }
                Step::More => break,
            }
        }
        self.held = rest.to_vec();
    }

    /// There are no more bytes.
    pub(super) fn finish(&mut self, give: impl FnOnce(&[u8])) {
        give(&std::mem::take(&mut self.held));
    }

    fn step(&mut self, rest: &[u8]) -> Step {
        match &self.state {
            State::Sql => Step::Pass(rest.len()),
            State::Line => {
                let line = memchr(b'\n', rest);
                if line.is_some() {
                    self.state = State::LineStart;
                }
                Step::Pass(line.map_or(rest.len(), |end| end + 1))
            }
            State::LineStart => self.line_start(rest),
            State::Section(end) => match memmem::find(rest, end) {
                Some(at) => {
                    let key = end.len() - END.len();
                    self.state = State::Line;
                    Step::Key(at + END.len(), key)
                }
                None if rest.len() < end.len() => Step::More,
                None => Step::Pass(rest.len() - end.len() + 1),
            },
        }
    }

    fn line_start(&mut self, rest: &[u8]) -> Step {
        let is_begin = rest.starts_with(BEGIN);
        match rest[0] {
            b'\\' if is_begin || BEGIN.starts_with(rest) => match (key(rest), memchr(b'\n', rest)) {
                (Some(key), _) => {
                    self.state = State::Section([END, key].concat());
                    return Step::Key(BEGIN.len(), key.len());
                }
                (None, None) if rest.len() < HELD => return Step::More,
                _ => self.state = State::Line,
            },
            b'\\' | b'-' | b' ' | b'\t' | b'\r' | b'\n' => self.state = State::Line,
            _ => self.state = State::Sql,
        }
        Step::Pass(0)
    }
}

/// The key in a line that begins a restriction, once the line is complete.
fn key(line: &[u8]) -> Option<&[u8]> {
    let line = &line[..memchr(b'\n', line)?];
    let key = line.strip_suffix(b"\r").unwrap_or(line).strip_prefix(BEGIN)?;
    let is_key = (1..=LONGEST_KEY).contains(&key.len()) && key.iter().all(u8::is_ascii_alphanumeric);
    is_key.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, cut at every `step` bytes. The last bytes are held back, within the bound.
    fn filtered(text: &str, step: usize) -> String {
        let (mut filter, mut out, mut given) = (Filter::default(), Vec::new(), 0);
        for piece in text.as_bytes().chunks(step) {
            filter.push(piece, |bytes| out.extend_from_slice(bytes));
            given += piece.len();
            assert!(given - out.len() <= HELD, "{} are held back", given - out.len());
        }
        filter.finish(|bytes| out.extend_from_slice(bytes));
        String::from_utf8(out).unwrap()
    }

    #[track_caller]
    fn expect(text: &str, wanted: &str) {
        for step in [1, 2, 3, 7, 64, 100_000] {
            assert_eq!(filtered(text, step), wanted, "cut at every {step} bytes");
        }
    }

    #[test]
    fn keys_are_left_out_where_psql_takes_them() {
        let dump = |key: &str, rows: &str| {
            format!(
                "--\n-- PostgreSQL database dump\n--\n\n\\restrict {key}\n\n-- Dumped from\n\nSET a = 1;\nCOPY t FROM stdin;\n{rows}\\.\n\n--\n-- complete\n--\n\n\\unrestrict {key}\n\n"
            )
        };
        let rows = "\\restrict abc\n\\unrestrict abc\n";
        expect(&dump("K3y", rows), &dump("xxx", rows));
        let long = "a1".repeat(LONGEST_KEY / 2);
        expect(&dump(&long, rows), &dump(&"x".repeat(LONGEST_KEY), rows));
        let windows = |key| dump(key, rows).replace('\n', "\r\n");
        expect(&windows("K3y"), &windows("xxx"));
        // Several dumps in one stream, each with its own.
        let two = |a, b| format!("{}\\connect shop\n\n{}", dump(a, ""), dump(b, rows));
        expect(&two("abc", "Defg"), &two("xxx", "xxxx"));
    }

    #[test]
    fn the_same_text_elsewhere_stays() {
        for text in [
            "COPY t FROM stdin;\n\\restrict abc\n\\unrestrict abc\n\\.\n",
            "SELECT '\n\\restrict abc\n';\n",
            "\\restrict a-b\n\\unrestrict a-b\n",
            "\\restrict\n\\restrictabc\n\\restrict  abc\n",
            "\\unrestrict abc\n",
            "-- \\restrict abc\n\\restrict abc",
            "\\restr",
            "",
        ] {
            expect(text, text);
        }
        let too_long = format!("\\restrict {}\nSELECT 1;\n", "a".repeat(LONGEST_KEY + 1));
        expect(&too_long, &too_long);
        // Another key does not end it.
        let open = |key: &str| format!("\\restrict {key}\nSELECT 1;\n\\unrestrict other\n\\restrict third\n");
        expect(&open("abc"), &open("xxx"));
    }
}
