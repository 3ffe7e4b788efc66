//! Reading ahead: bytes that take time to unpack are unpacked on a thread of their own, while those before them are
//! used.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes of a piece.
const PIECE: usize = 256 * 1024;
/// Pieces that wait to be used. With the one that is unpacked and the one that is used, this is what the thread holds.
const PIECES: usize = 4;

/// The bytes of another reader, read ahead. The thread begins with the first read. It ends with the bytes, at an
/// error, or, when this reader is dropped, after the piece that it reads.
pub(crate) struct Ahead {
    state: State,
    piece: Piece,
    used: usize,
}

enum State {
    Waiting(Box<dyn Read + Send>),
    Running { pieces: Receiver<io::Result<Piece>>, back: Sender<Vec<u8>> },
    Ended,
}

/// Bytes that were read: the first of a buffer, which stays at its full length for the next ones.
#[derive(Default)]
struct Piece {
    buffer: Vec<u8>,
    length: usize,
}

impl Ahead {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { state: State::Waiting(reader), piece: Piece::default(), used: 0 }
    }

    /// Takes the next piece. An empty one is the end.
    fn advance(&mut self) -> io::Result<()> {
        if matches!(self.state, State::Waiting(_))
            && let State::Waiting(reader) = std::mem::replace(&mut self.state, State::Ended)
        {
            self.state = start(reader)?;
        }
        let State::Running { pieces, back } = &self.state else { return Ok(()) };
        // Whether the thread still takes buffers does not matter.
        let _ = back.send(std::mem::take(&mut self.piece).buffer);
        self.used = 0;
        let next =
            pieces.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that reads ahead panicked")));
        match next {
            Ok(piece) => self.piece = piece,
            Err(error) => {
                self.state = State::Ended;
                return Err(error);
            }
        }
        if self.piece.length == 0 {
            self.state = State::Ended;
        }
        Ok(())
    }
}

fn start(reader: Box<dyn Read + Send>) -> io::Result<State> {
    let (give, pieces) = sync_channel(PIECES);
    let (back, buffers) = channel();
    thread::Builder::new().name("unpack".to_owned()).spawn(move || run(reader, &give, &buffers))?;
    Ok(State::Running { pieces, back })
}

fn run(mut reader: Box<dyn Read + Send>, give: &SyncSender<io::Result<Piece>>, buffers: &Receiver<Vec<u8>>) {
    loop {
        let mut buffer = buffers.try_recv().unwrap_or_default();
        buffer.resize(PIECE, 0);
        let (length, error) = fill(&mut reader, &mut buffer);
        // An empty piece is the end; before an error there is none.
        let sent =
            if length > 0 || error.is_none() { give.send(Ok(Piece { buffer, length })) } else { Ok(()) };
        let last = length == 0 || error.is_some();
        let sent = sent.and_then(|()| error.map_or(Ok(()), |error| give.send(Err(error))));
        // If it was not sent, nobody reads any more.
        if sent.is_err() || last {
            return;
        }
    }
}

/// Fills at least half of the buffer, if there are so many bytes: an unpacker gives few at a time, and each piece costs
/// two changes of the thread.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut length = 0;
    while length < buffer.len() / 2 {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (length, Some(error)),
        }
    }
    (length, None)
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.piece.length && !buffer.is_empty() {
            self.advance()?;
        }
        let rest = &self.piece.buffer[self.used..self.piece.length];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives bytes in odd portions, and then an error or an end.
    struct Portions {
        left: usize,
        fails: bool,
    }

    impl Read for Portions {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.left == 0 {
                return if self.fails { Err(io::Error::other("damaged")) } else { Ok(0) };
            }
            let count = self.left.min(buffer.len()).min(777);
            for byte in &mut buffer[..count] {
                *byte = (self.left % 251) as u8;
                self.left -= 1;
            }
            Ok(count)
        }
    }

    #[test]
    fn gives_the_same_bytes_and_the_same_end() {
        for left in [0, 1, 777, 3_000_000] {
            let mut expected = Vec::new();
            Portions { left, fails: false }.read_to_end(&mut expected).unwrap();
            let mut ahead = Ahead::new(Box::new(Portions { left, fails: false }));
            let mut bytes = Vec::new();
            ahead.read_to_end(&mut bytes).unwrap();
            assert!(bytes == expected, "{left}");
            assert_eq!(ahead.read(&mut [0]).unwrap(), 0, "it stays at its end");
        }
    }

    #[test]
    fn everything_before_an_error_arrives_first() {
        let mut ahead = Ahead::new(Box::new(Portions { left: 1_000_000, fails: true }));
        let mut bytes = Vec::new();
        let error = ahead.read_to_end(&mut bytes).unwrap_err();
        assert_eq!((bytes.len(), error.to_string().as_str()), (1_000_000, "damaged"));
    }
}
