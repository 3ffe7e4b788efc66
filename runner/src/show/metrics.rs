//! Metrics in Prometheus' text format, at `/metrics`; `/healthz` says that the process lives.
//!
//! docs/metrics.md lists them.

use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::base::error::Error;
use crate::load::progress::Progress;

/// The longest request that is read.
const REQUEST: usize = 8 * 1024;

/// When to accept again after a failure.
const ACCEPT_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// Listens at `address` and answers in a task of its own.
///
/// # Errors
/// [`Error::Usage`] when nobody can listen there.
pub async fn serve(address: SocketAddr, progress: Arc<Progress>) -> Result<SocketAddr, Error> {
    let failed = |error| Error::Usage(format!("--metrics-addr {address} cannot be listened at: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(async move {
        loop {
            // Without a file descriptor to spare, say: that passes, and the connection waits.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            };
            let progress = Arc::clone(&progress);
            tokio::spawn(async move {
                let limit = std::time::Duration::from_secs(10);
                let _ = tokio::time::timeout(limit, answer(stream, &progress)).await;
            });
        }
    });
    Ok(bound)
}

/// One request, one answer: HTTP/1.1 with `Connection: close`.
async fn answer(mut stream: TcpStream, progress: &Progress) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    let line = request.split(|&b| b == b'\r').next().unwrap_or_default();
    let (status, body) = match line.split(|&b| b == b' ').nth(1) {
        Some(b"/metrics") => ("200 OK", render(progress)),
        Some(b"/healthz") => ("200 OK", "ok\n".to_owned()),
        _ => ("404 Not Found", "not found\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// All metrics as text.
#[must_use]
pub fn render(progress: &Progress) -> String {
    let details = progress.details();
    let (used, max) = progress.redis_memory_seen();
    let mut out = String::new();
    let mut gauge =
        |name: &str, help: &str, value: &dyn Display| metric(&mut out, name, "gauge", help, value);
    gauge("source_bytes", "Bytes of the dump up to what is durable", &details.bytes);
    gauge("source_size_bytes", "Size of the dump, 0 if unknown", &details.bytes_total.unwrap_or(0));
    gauge("rows", "Rows of the dump up to what is durable", &details.rows);
    gauge("changes", "Changes in Redis", &details.changes);
    gauge("rejected_rows", "Rows set aside", &details.rejected);
    gauge("next_sequence", "The next sequence number", &details.next);
    gauge(
        "waiting",
        "1 while nothing moves because Redis is away or full",
        &u8::from(details.waiting.is_some()),
    );
    gauge("redis_used_memory_bytes", "Memory that Redis uses", &used);
    gauge("redis_max_memory_bytes", "Redis' maxmemory, 0 if unlimited", &max);
    metric(
        &mut out,
        "retries_total",
        "counter",
        "Attempts that failed and were repeated",
        &progress.retries(),
    );
    metric(
        &mut out,
        "elapsed_seconds",
        "gauge",
        "Time since the start of this process",
        &progress.elapsed().as_secs_f64(),
    );
    skipped(&mut out, &details.skipped);
    out
}

fn metric(out: &mut String, name: &str, kind: &str, help: &str, value: &dyn Display) {
    let _ = writeln!(
        out,
        "# HELP pg_bootstrap_{name} {help}\n# TYPE pg_bootstrap_{name} {kind}\npg_bootstrap_{name} {value}"
    );
}

fn skipped(out: &mut String, skipped: &std::collections::BTreeMap<String, u64>) {
    const NAME: &str = "pg_bootstrap_skipped";
    let _ = writeln!(out, "# HELP {NAME} Statements and rows left out, by kind\n# TYPE {NAME} gauge");
    for (kind, count) in skipped {
        let kind = kind.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = writeln!(out, "{NAME}{{kind=\"{kind}\"}} {count}");
    }
}
