//! PostgreSQL's simple query protocol, as far as the reference consumer needs it.
//!
//! A client library would hide what matters here: that every text is one `Query` message (and so one implicit
//! transaction), that a text with a NUL byte reaches the server, and what is sent before a connection dies. Sending
//! and receiving are separate, so that a caller can have several statements in flight.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Where and as whom to connect. Only Unix sockets and `trust`: our own test servers.
#[derive(Debug, Clone)]
pub struct Target {
    /// The socket file.
    pub socket: PathBuf,
    /// The role.
    pub user: String,
    /// The database.
    pub database: String,
    /// Settings of the session, as in a connection URL's parameters.
    pub parameters: Vec<(String, String)>,
}

/// An error message of the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `PANIC`.
    pub severity: String,
    /// The SQLSTATE.
    pub code: String,
    /// The primary message.
    pub message: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.message, self.code)
    }
}

impl std::error::Error for ServerError {}

/// What came back for one statement text.
#[derive(Debug, Default)]
pub struct Outcome {
    /// All rows of all statements in the text, in text form.
    pub rows: Vec<Vec<Option<String>>>,
    /// The first error.
    pub error: Option<ServerError>,
    /// The text began a COPY: the connection is of no use any more.
    pub copy: bool,
    /// `b'I'` idle, `b'T'` in a transaction, `b'E'` in a failed one.
    pub transaction: u8,
}

/// One session.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<UnixStream>,
    out: Vec<u8>,
}

impl Connection {
    /// Connects and waits until the session is ready.
    pub fn open(target: &Target) -> io::Result<Self> {
        let stream = UnixStream::connect(&target.socket)?;
        let mut connection = Self { stream: BufReader::with_capacity(1 << 16, stream), out: Vec::new() };
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        let named = [("user", &target.user), ("database", &target.database)];
        let extra = target.parameters.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in named.into_iter().chain(extra) {
            for text in [name, value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        }
        body.push(0);
        connection.out.extend_from_slice(&message_length(&body));
        connection.out.extend_from_slice(&body);
        connection.flush()?;
        match connection.receive()?.error {
            Some(error) => Err(io::Error::other(error)),
            None => Ok(connection),
        }
    }

    /// Puts one text, whatever its bytes, into the buffer; [`Connection::flush`] sends it.
    pub fn send(&mut self, sql: &[u8]) {
        self.out.push(b'Q');
        let length = u32::try_from(sql.len() + 5).expect("a statement below 4 GiB");
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(sql);
        self.out.push(0);
    }

    /// How many bytes wait for [`Connection::flush`].
    pub fn buffered(&self) -> usize {
        self.out.len()
    }

    /// Sends the buffer's contents.
    pub fn flush(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Reads the answer to the oldest text that has none yet. An [`io::Error`] means that the session is gone.
    pub fn receive(&mut self) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        loop {
            let (kind, body) = self.read_message()?;
            match kind {
                b'Z' => {
                    outcome.transaction = body.first().copied().unwrap_or(b'?');
                    return Ok(outcome);
                }
                b'E' => {
                    let error = server_error(&body);
                    let fatal = error.severity != "ERROR";
                    outcome.error.get_or_insert(error);
                    if fatal {
                        return Ok(outcome);
                    }
                }
                b'D' => outcome.rows.push(data_row(&body)),
                b'G' | b'H' | b'W' => {
                    outcome.copy = true;
                    return Ok(outcome);
                }
                b'R' if body != [0, 0, 0, 0] => {
                    return Err(io::Error::other("the server asks for a password"));
                }
                _ => {}
            }
        }
    }

    /// Sends one text and waits for its answer; rows in text form.
    pub fn query(&mut self, sql: &str) -> io::Result<Vec<Vec<Option<String>>>> {
        self.send(sql.as_bytes());
        self.flush()?;
        let outcome = self.receive()?;
        match outcome.error {
            Some(error) => Err(io::Error::other(error)),
            None => Ok(outcome.rows),
        }
    }

    /// The first column of the first row, where there is one and it is not NULL.
    pub fn value(&mut self, sql: &str) -> io::Result<Option<String>> {
        Ok(self.query(sql)?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    fn read_message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length.saturating_sub(4)];
        self.stream.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Terminate, so that the server does not log a lost connection.
        let _ = self.stream.get_mut().write_all(&[b'X', 0, 0, 0, 4]);
    }
}

fn message_length(body: &[u8]) -> [u8; 4] {
    u32::try_from(body.len() + 4).expect("a small message").to_be_bytes()
}

fn server_error(body: &[u8]) -> ServerError {
    let field = |code: u8| {
        body.split(|b| *b == 0)
            .find(|f| f.first() == Some(&code))
            .map_or(String::new(), |f| String::from_utf8_lossy(&f[1..]).into_owned())
    };
    ServerError { severity: field(b'V'), code: field(b'C'), message: field(b'M') }
}

fn data_row(body: &[u8]) -> Vec<Option<String>> {
    let mut rest = &body[2..];
    let mut row = Vec::new();
    while rest.len() >= 4 {
        let (head, tail) = rest.split_at(4);
        rest = tail;
        let length = i32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        row.push(usize::try_from(length).ok().map(|length| {
            let (value, tail) = rest.split_at(length);
            rest = tail;
            String::from_utf8_lossy(value).into_owned()
        }));
    }
    row
}
