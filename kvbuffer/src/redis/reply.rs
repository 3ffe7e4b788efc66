//! The meaning of an error of the Redis client: its [`ErrorKind`].
//!
//! The first word of an error names its kind in Redis; the client keeps it as a kind or a code. Errors of a MULTI
//! come in three places: when a command is queued (then EXEC is refused, and the client lists them), at EXEC itself,
//! and as elements of EXEC's array (then the other commands were executed).

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use redis::{RedisError, ServerError, ServerErrorKind, Value};

use crate::error::{Cause, ErrorKind};

/// The kind of a failed command or connection.
pub(crate) fn kind(error: &RedisError) -> ErrorKind {
    if let Some(errors) = error.clone().into_server_errors() {
        return errors.first().map_or(ErrorKind::Protocol, |(_, error)| server_kind(error));
    }
    match error.kind() {
        redis::ErrorKind::AuthenticationFailed => ErrorKind::Auth,
        redis::ErrorKind::Io => io_kind(error),
        // The client's form of errors that rustls itself reports.
        redis::ErrorKind::Client if is_tls(error) => ErrorKind::Tls,
        redis::ErrorKind::Client | redis::ErrorKind::Extension => ErrorKind::Protocol,
        redis::ErrorKind::InvalidClientConfig => ErrorKind::Tls,
        redis::ErrorKind::MasterNameNotFoundBySentinel
        | redis::ErrorKind::NoValidReplicasFoundBySentinel
        | redis::ErrorKind::ClusterConnectionNotFound => ErrorKind::Unreachable,
        redis::ErrorKind::Server(kind) => known_kind(kind, error.detail()),
        _ if is_cut_off(error) => ErrorKind::Unreachable,
        _ => ErrorKind::Protocol,
    }
}

/// A connection that ends in the middle of an answer: the client's parser expected more.
fn is_cut_off(error: &RedisError) -> bool {
    error.to_string().contains("Unexpected end of input")
}

/// The kind of an error that the server answered with.
pub(crate) fn server_kind(error: &ServerError) -> ErrorKind {
    match error.kind() {
        Some(kind) => known_kind(kind, error.details()),
        None => code_kind(error.code(), error.details()),
    }
}

fn known_kind(kind: ServerErrorKind, detail: Option<&str>) -> ErrorKind {
    match kind {
        ServerErrorKind::BusyLoading => ErrorKind::Loading,
        ServerErrorKind::ReadOnly => ErrorKind::ReadOnly,
        ServerErrorKind::ClusterDown => ErrorKind::ClusterDown,
        ServerErrorKind::TryAgain
        | ServerErrorKind::Moved
        | ServerErrorKind::Ask
        | ServerErrorKind::MasterDown => ErrorKind::TryAgain,
        ServerErrorKind::NoPerm => ErrorKind::Permission,
        ServerErrorKind::CrossSlot => ErrorKind::Unsupported,
        ServerErrorKind::ExecAbort | ServerErrorKind::ResponseError => text_kind(detail.unwrap_or_default()),
        _ => ErrorKind::Protocol,
    }
}

fn code_kind(code: &str, detail: Option<&str>) -> ErrorKind {
    match code {
        "OOM" => ErrorKind::OutOfMemory,
        "NOAUTH" | "WRONGPASS" => ErrorKind::Auth,
        "WRONGTYPE" => ErrorKind::WrongType,
        "MISCONF" | "NOREPLICAS" | "BUSY" => ErrorKind::TryAgain,
        _ => text_kind(detail.unwrap_or_default()),
    }
}

/// Errors that are hidden behind ERR or EXECABORT: `Transaction discarded because of: OOM command not allowed …`.
fn text_kind(text: &str) -> ErrorKind {
    const SIGNS: [(&str, ErrorKind); 14] = [
        ("OOM ", ErrorKind::OutOfMemory),
        ("WRONGTYPE", ErrorKind::WrongType),
        ("READONLY", ErrorKind::ReadOnly),
        ("LOADING", ErrorKind::Loading),
        ("NOPERM", ErrorKind::Permission),
        // A command that the user may not execute in a script.
        ("executing the script can't", ErrorKind::Permission),
        ("ACL failure in script", ErrorKind::Permission),
        ("NOREPLICAS", ErrorKind::TryAgain),
        ("MISCONF", ErrorKind::TryAgain),
        ("CLUSTERDOWN", ErrorKind::ClusterDown),
        ("max number of clients", ErrorKind::Unreachable),
        ("unknown command", ErrorKind::Unsupported),
        ("cluster support disabled", ErrorKind::Unsupported),
        ("DB index is out of range", ErrorKind::Unsupported),
    ];
    let found = SIGNS.iter().find(|(sign, _)| text.contains(sign));
    found.map_or(ErrorKind::Protocol, |(_, kind)| kind.clone())
}

fn io_kind(error: &RedisError) -> ErrorKind {
    if is_tls(error) {
        return ErrorKind::Tls;
    }
    match io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => ErrorKind::Timeout,
        Some(io::ErrorKind::PermissionDenied) => ErrorKind::Permission,
        _ => ErrorKind::Unreachable,
    }
}

fn is_tls(error: &RedisError) -> bool {
    let direct = inner(error).is_some_and(|inner| inner.is::<rustls::Error>());
    let wrapped =
        io_error(error).and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>());
    direct || wrapped
}

fn io_error(error: &RedisError) -> Option<&io::Error> {
    inner(error)?.downcast_ref::<io::Error>()
}

/// The client returns its cause behind an `Arc`, which hides the inner type unless it is unwrapped first.
fn inner(error: &RedisError) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
    error.source()?.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>().map(|arc| &**arc)
}

/// The answers of EXEC's commands, or the first error anywhere in the transaction.
pub(crate) fn exec_replies(reply: Result<Vec<Value>, RedisError>) -> Result<Vec<Value>, (ErrorKind, Cause)> {
    let mut values = reply.map_err(|error| (kind(&error), Cause::Redis(error)))?;
    match values.pop() {
        Some(Value::Array(replies)) => match replies.iter().find_map(server_error) {
            Some(error) => Err((server_kind(error), Cause::Reply(error.to_string()))),
            None => Ok(replies),
        },
        Some(Value::ServerError(error)) => Err((server_kind(&error), Cause::Reply(error.to_string()))),
        other => Err((ErrorKind::Protocol, Cause::Reply(format!("EXEC answered {other:?}")))),
    }
}

fn server_error(value: &Value) -> Option<&ServerError> {
    match value {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(reply: &str) -> Value {
        redis::parse_redis_value(format!("{reply}\r\n").as_bytes()).unwrap()
    }

    #[test]
    fn errors_are_known_by_their_words() {
        let cases = [
            ("-OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::OutOfMemory),
            (
                "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory",
                ErrorKind::OutOfMemory,
            ),
            ("-LOADING Redis is loading the dataset in memory", ErrorKind::Loading),
            ("-READONLY You can't write against a read only replica.", ErrorKind::ReadOnly),
            ("-CLUSTERDOWN The cluster is down", ErrorKind::ClusterDown),
            ("-MOVED 8617 127.0.0.1:7001", ErrorKind::TryAgain),
            ("-ASK 8617 127.0.0.1:7001", ErrorKind::TryAgain),
            ("-TRYAGAIN Multiple keys request during rehashing of slot", ErrorKind::TryAgain),
            ("-MASTERDOWN Link with MASTER is down", ErrorKind::TryAgain),
            ("-MISCONF Redis is configured to save RDB snapshots", ErrorKind::TryAgain),
            ("-NOREPLICAS Not enough good replicas to write.", ErrorKind::TryAgain),
            ("-BUSY Redis is busy running a script.", ErrorKind::TryAgain),
            ("-NOAUTH Authentication required.", ErrorKind::Auth),
            ("-WRONGPASS invalid username-password pair", ErrorKind::Auth),
            ("-NOPERM this user has no permissions to run the 'eval' command", ErrorKind::Permission),
            (
                "-ERR The user executing the script can't run this command or subcommand script: 0, on @user_script:10.",
                ErrorKind::Permission,
            ),
            (
                "-ERR ACL failure in script: User x has no permissions to run the 'hset' command",
                ErrorKind::Permission,
            ),
            ("-WRONGTYPE Operation against a key holding the wrong kind of value", ErrorKind::WrongType),
            ("-ERR max number of clients reached", ErrorKind::Unreachable),
            ("-ERR unknown command 'EVAL'", ErrorKind::Unsupported),
            ("-CROSSSLOT Keys in request don't hash to the same slot", ErrorKind::Unsupported),
            ("-ERR something else", ErrorKind::Protocol),
        ];
        for (reply, kind) in cases {
            let (found, _) = exec_replies(Ok(vec![parsed(reply)])).unwrap_err();
            assert_eq!(found, kind, "as EXEC's answer: {reply}");
            let among = Value::Array(vec![parsed("+OK"), parsed(reply), parsed(":1")]);
            let (found, cause) = exec_replies(Ok(vec![among])).unwrap_err();
            assert_eq!(found, kind, "within EXEC's answer: {reply}");
            assert!(!cause.to_string().is_empty());
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_a_lost_connection() {
        for part in ["*3\r\n$5\r\ntoken", "$10\r\n123", ":12"] {
            let error = redis::parse_redis_value(part.as_bytes()).unwrap_err();
            assert_eq!(kind(&error), ErrorKind::Unreachable, "{part:?}: {error}");
        }
        let error = redis::parse_redis_value(b"HTTP/1.1 400\r\n").unwrap_err();
        assert_eq!(kind(&error), ErrorKind::Protocol, "{error}");
    }

    #[test]
    fn a_transaction_without_answers_makes_no_sense() {
        for reply in [vec![], vec![Value::Nil], vec![parsed("+OK")]] {
            assert_eq!(exec_replies(Ok(reply)).unwrap_err().0, ErrorKind::Protocol);
        }
        assert_eq!(exec_replies(Ok(vec![Value::Array(vec![parsed(":1")])])).unwrap().len(), 1);
    }
}
