//! The meaning of the runner's exit codes: docs/exit-codes.md.

use crds::conditions::Reason;

/// Codes after which another attempt would also fail. 16 is of a database that is filled: done, with errors that were skipped.
pub const FATAL: [i32; 9] = [2, 3, 4, 5, 6, 7, 8, 9, 16];

/// The reason for a code, and what to do.
#[must_use]
pub fn meaning(code: i32) -> (Reason, &'static str) {
    match code {
        2 => (Reason::UsageError, "an option is wrong, or the dump does not exist: correct the spec"),
        3 => (
            Reason::DumpBroken,
            "the dump is cut off, damaged, or of a kind that cannot be loaded: make a new one",
        ),
        4 => (
            Reason::RangeDoesNotFit,
            "the changes would reach the snapshot LSN, a live change or another run, or the set already contains another run or live changes: free the range, or choose spec.sequence",
        ),
        5 => (
            Reason::CheckpointMismatch,
            "the checkpoint is of another dump or configuration: start over with a new run.id and run.from: Start",
        ),
        6 => (Reason::TooManyRejectedRows, "too many rows cannot be loaded: the log lists them"),
        7 => (
            Reason::RedisRefused,
            "Redis refuses for good: check login, permissions, TLS, version and eviction policy",
        ),
        8 => (
            Reason::VerificationFailed,
            "Redis has more or fewer changes than were written: find out what else writes to the set",
        ),
        9 => (Reason::LocalFileFailed, "a file of the pod cannot be read or written"),
        10 => (Reason::SourceAway, "the dump cannot be read for now"),
        11 => (Reason::RedisAway, "Redis cannot be reached, or another run is writing"),
        12 => (Reason::RedisFull, "Redis is full: give it more memory"),
        13 => (Reason::ChangeStreamAway, "the change stream cannot be reached"),
        101 => (Reason::InternalError, "an internal error: please report it with the log"),
        130 | 137 | 141 | 143 => (Reason::Killed, "the pod was stopped"),
        _ => (Reason::UnknownExit, "the runner does not use this code: see the pod's log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No run of the operator ends with these: 14 and 16 are of a database that is filled, 15 is reserved.
    const RESERVED: [i32; 3] = [14, 15, 16];

    /// Every code in docs/exit-codes.md that means a failure has an entry here.
    #[test]
    fn every_documented_code_has_a_meaning() {
        let table = include_str!("../../docs/exit-codes.md");
        let codes: Vec<i32> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
            .filter(|code| *code != 0 && !RESERVED.contains(code))
            .collect();
        assert!(codes.len() >= 14, "{codes:?}");
        for code in codes {
            assert_ne!(meaning(code).0, Reason::UnknownExit, "{code}");
        }
    }

    #[test]
    fn what_is_fatal_is_documented_as_not_worth_a_retry() {
        let table = include_str!("../../docs/exit-codes.md");
        for line in table.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            if let Ok(code) = cells[1].parse::<i32>()
                && (2..100).contains(&code)
            {
                assert_eq!(FATAL.contains(&code), cells[3] == "no", "{line}");
            }
        }
    }
}
