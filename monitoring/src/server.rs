//! HTTP/1.1 at one address. One request, one answer, and the connection is closed.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};

/// The longest head of a request that is read, in bytes; hyper takes no smaller limit.
const LONGEST_HEAD: usize = 8 * 1024;

/// How long a connection may last, whatever its client does.
const LONGEST_CONNECTION: Duration = Duration::from_secs(10);

/// When to accept again after a failure.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What Prometheus is told of its format. The other answers are text, too.
const FORMAT: HeaderValue = HeaderValue::from_static(prometheus_text::CONTENT_TYPE);

/// What a path is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Status 200.
    Ok(String),
    /// Status 503: for Kubernetes, not ready.
    Unavailable(String),
}

/// Listens at `address` and answers in a task of its own, which lasts as long as the runtime.
/// Returns where it listens, which is more than `address` says if that has port 0.
///
/// `answers` gives the answer for a path, without its query, or `None` where there is nothing. It
/// must not block. `/healthz` is answered here: a process that answers at all is alive.
///
/// # Errors
/// When nobody can listen there.
pub async fn serve(
    address: SocketAddr,
    answers: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    tokio::spawn(accept(listener, Arc::new(answers)));
    Ok(bound)
}

async fn accept<A>(listener: TcpListener, answers: Arc<A>)
where
    A: Fn(&str) -> Option<Answer> + Send + Sync + 'static,
{
    loop {
        // Such as no free file descriptor: that passes, and the connection waits.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_AGAIN).await;
            continue;
        };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // A client that goes away, is too slow or speaks no HTTP is its own affair.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, connection(stream, &*answers)).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    answers: &(impl Fn(&str) -> Option<Answer> + Sync),
) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| {
        ready(Ok::<_, Infallible>(response(request.uri().path(), answers)))
    });
    http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn response(path: &str, answers: &impl Fn(&str) -> Option<Answer>) -> Response<String> {
    let answer = if path == "/healthz" { Some(Answer::Ok("ok\n".to_owned())) } else { answers(path) };
    let (status, text) = match answer {
        Some(Answer::Ok(text)) => (StatusCode::OK, text),
        Some(Answer::Unavailable(text)) => (StatusCode::SERVICE_UNAVAILABLE, text),
        None => (StatusCode::NOT_FOUND, "not found\n".to_owned()),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, FORMAT);
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn server() -> SocketAddr {
        let answers = |path: &str| match path {
            "/metrics" => Some(Answer::Ok("rows 7\n".to_owned())),
            "/readyz" => Some(Answer::Unavailable("not yet\n".to_owned())),
            _ => None,
        };
        serve(SocketAddr::from(([127, 0, 0, 1], 0)), answers).await.unwrap()
    }

    /// The whole answer to these bytes.
    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
    }

    #[tokio::test]
    async fn each_path_has_its_answer() {
        let address = server().await;
        for path in ["/metrics", "/metrics?a=b", "http://x/metrics"] {
            let answer = get(address, path).await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nrows 7\n"),
                "{answer}"
            );
            for header in [
                "content-type: text/plain; version=0.0.4; charset=utf-8\r\n",
                "content-length: 7\r\n",
                "connection: close\r\n",
            ] {
                assert!(answer.contains(header), "{answer}");
            }
        }
        assert!(get(address, "/healthz").await.ends_with("\r\n\r\nok\n"));
        let unready = get(address, "/readyz").await;
        assert!(unready.starts_with("HTTP/1.1 503 ") && unready.ends_with("not yet\n"), "{unready}");
        assert!(get(address, "/metric").await.starts_with("HTTP/1.1 404 "));
    }

    #[tokio::test]
    async fn old_and_terse_clients_are_answered() {
        let address = server().await;
        let old = ask(address, "GET /metrics HTTP/1.0\r\n\r\n").await;
        assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.ends_with("rows 7\n"), "{old}");
        let head = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.contains("content-length: 7\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        // One that closes its half as soon as it has asked, as `nc` does.
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("rows 7\n"), "{answer}");
    }

    #[tokio::test]
    async fn what_is_no_request_holds_up_nobody() {
        let address = server().await;
        let silent = TcpStream::connect(address).await.unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /metr").await.unwrap();
        assert!(ask(address, "\x16\x03\x01 no HTTP\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
        let long = format!("GET /metrics?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(LONGEST_HEAD));
        assert!(ask(address, &long).await.starts_with("HTTP/1.1 431 "));
        assert!(get(address, "/metrics").await.ends_with("rows 7\n"));
        half.write_all(b"ics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        half.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("rows 7\n"), "{answer}");
        drop(silent);
    }

    #[tokio::test]
    async fn an_address_that_is_taken() {
        let address = server().await;
        assert!(serve(address, |_| None).await.is_err());
    }
}
