//! What SQLSTATEs mean for a load: the one place that decides which errors are worth another try. Pure.

/// Whether the same may succeed later, on a new connection.
pub(crate) fn is_retryable(code: &str) -> bool {
    matches!(
        code,
        // Another transaction was in the way: a serialization failure, a deadlock.
        "40001" | "40P01"
        // The server has no place for one more connection, or is out of memory, or short of other resources.
        | "53000" | "53200" | "53300"
        // After a failover this server may be a standby.
        | "25006"
        // The session was ended for what it did not do.
        | "25P03" | "57P05"
    ) || ends_session(code)
}

/// Whether the connection is of no use any more, and what it was about to do may have happened.
pub(crate) fn ends_session(code: &str) -> bool {
    // Connection exceptions; the server shuts down, has crashed, is not ready yet.
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "40003" | "25P03" | "57P05")
}

/// Whether PostgreSQL refuses what it was given, and would again: a statement or a row that is wrong, or for which a right
/// is missing. A disk that is full, an operator who cancels and damaged files are none of these.
pub(crate) fn is_refusal(code: &str) -> bool {
    let classes = [
        "0A", "0L", "0P", "20", "21", "22", "23", "26", "2B", "2F", "34", "38", "39", "3B", "3D", "3F", "42",
        "44", "54", "55", "F0", "HV", "P0",
    ];
    let class = classes.iter().any(|class| code.starts_with(class));
    // A library or a file of an extension that the server does not have; what no class was made for.
    (class || matches!(code, "58P01" | "XX000" | "28000")) && !is_retryable(code)
}

/// Whether the server lets nobody in this way: with TLS, or without, it may.
pub(crate) fn refuses_this_way(code: &str) -> bool {
    // Not 28P01: a password that is wrong stays wrong, and need not be sent twice.
    code == "28000"
}

/// Whether a message of this code may quote values of rows.
pub(crate) fn quotes_values(code: &str) -> bool {
    // Malformed rows of COPY: their messages name columns alone.
    code != "22P04" && ["22", "P0", "38", "39"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_worth_another_try() {
        for code in ["08006", "08P01", "40001", "40P01", "53300", "57P01", "57P02", "57P03", "25006"] {
            assert!(is_retryable(code), "{code}");
        }
        // Wrong data, wrong statements, no right, a disk that is full, somebody's cancel.
        for code in ["22P02", "23505", "42601", "42501", "28P01", "53100", "57014", "3D000", "P0001"] {
            assert!(!is_retryable(code), "{code}");
        }
        assert!(!ends_session("40001"));
    }

    #[test]
    fn what_stays_wrong_can_be_skipped() {
        for code in ["22P02", "23505", "42601", "42501", "3F000", "P0001", "58P01", "0A000"] {
            assert!(is_refusal(code), "{code}");
        }
        for code in ["08006", "40001", "53100", "57014", "57P01", "58030", "XX001", "25006"] {
            assert!(!is_refusal(code), "{code}");
        }
    }
}
