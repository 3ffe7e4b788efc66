//! Whether a server that should use TLS answers without it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Whether the server answers a Redis command that is sent without TLS, within `limit`. A TLS server sends an alert
/// instead, or nothing.
pub(super) async fn answers(host: &str, port: u16, limit: Duration) -> bool {
    tokio::time::timeout(limit, ask(host, port)).await.is_ok_and(|asked| asked.unwrap_or(false))
}

async fn ask(host: &str, port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(b"PING\r\n").await?;
    // A status, or an error, for example from a server that requires a login.
    Ok(matches!(stream.read_u8().await?, b'+' | b'-'))
}
