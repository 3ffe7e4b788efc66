//! A script in pieces, so that it can be made smaller and still be executed.

/// One statement with its end, one psql command, or one block of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    head: String,
    rows: Vec<String>,
    between: &'static str,
    tail: String,
}

impl Piece {
    /// A text as it stands, its end included.
    pub fn text(text: impl Into<String>) -> Self {
        Self { head: text.into(), ..Self::default() }
    }

    /// Rows, each of which can go without the others.
    pub fn rows(head: String, rows: Vec<String>, between: &'static str, tail: String) -> Self {
        Self { head, rows, between, tail }
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.head);
        out.push_str(&self.rows.join(self.between));
        out.push_str(&self.tail);
    }
}

/// How the text becomes bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lines {
    /// Each line ends with LF.
    #[default]
    Lf,
    /// Each with CR LF.
    CrLf,
    /// Lines of SQL with CR LF, those of rows with LF.
    CrLfButRows,
}

/// A script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In their order.
    pub pieces: Vec<Piece>,
    /// Ends of lines.
    pub lines: Lines,
    /// The bytes are LATIN1, not UTF-8.
    pub latin1: bool,
}

impl Script {
    /// The text, with LF.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.pieces.iter().for_each(|piece| piece.write(&mut text));
        text
    }

    /// The contents of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        for piece in &self.pieces {
            match self.lines {
                Lines::Lf => piece.write(&mut text),
                Lines::CrLf => {
                    let mut own = String::new();
                    piece.write(&mut own);
                    text.push_str(&own.replace('\n', "\r\n"));
                }
                Lines::CrLfButRows if piece.head.contains("FROM stdin") => {
                    text.push_str(&piece.head.replace('\n', "\r\n"));
                    text.push_str(&piece.rows.join(piece.between));
                    text.push_str(&piece.tail);
                }
                Lines::CrLfButRows => {
                    let mut own = String::new();
                    piece.write(&mut own);
                    text.push_str(&own.replace('\n', "\r\n"));
                }
            }
        }
        if self.latin1 {
            return text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        }
        text.into_bytes()
    }

    /// Without the pieces of a range.
    #[must_use]
    pub fn without(&self, range: std::ops::Range<usize>) -> Self {
        let mut smaller = self.clone();
        smaller.pieces.drain(range);
        smaller
    }

    /// Scripts that are a little smaller within one piece: a row less.
    pub fn smaller_pieces(&self) -> impl Iterator<Item = Self> + '_ {
        let rows = self.pieces.iter().enumerate().flat_map(|(at, piece)| {
            let rows = if piece.rows.len() > 1 { piece.rows.len() } else { 0 };
            (0..rows).map(move |row| (at, row))
        });
        rows.map(|(at, row)| {
            let mut smaller = self.clone();
            smaller.pieces[at].rows.remove(row);
            smaller
        })
    }

    /// The simplest form of its bytes, where that is another one.
    pub fn plain_bytes(&self) -> Option<Self> {
        let plain = Self { lines: Lines::Lf, latin1: false, ..self.clone() };
        (plain != *self).then_some(plain)
    }
}
