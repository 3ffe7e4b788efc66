//! The run's part of the status of a `ReplicaBootstrap`: the whole of `status.run`, each time.
//!
//! This module is pure; [`report`](super::report) sends the status. It contains only durable data, so its checkpoint
//! is never ahead of the one in Redis. It contains names of tables, but no value of a row.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use crds::v1alpha1::{Checkpoint as Mirror, Progress as Amounts, Range, RunStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::load::checkpoint::Checkpoint;
use crate::load::progress::{Details, Speed};

/// A larger checkpoint is compressed, because objects in Kubernetes should be small.
const PLAIN: usize = 100 * 1000;
/// If it is still larger than this, it is left out.
const MOST: usize = 256 * 1000;
/// The most bytes of an error message.
const ERROR: usize = 4096;

/// The status of a run.
///
/// `id` is the id of the run in the spec. `ttl` is the time to live of the set. `error` is the reason why the run has
/// ended.
#[must_use]
pub fn run_status(
    id: &str,
    details: &Details,
    speed: Speed,
    ttl: Option<Duration>,
    error: Option<&str>,
) -> RunStatus {
    let known = details.begun;
    let waiting = details.waiting.as_ref().map(|why| format!("waiting: {why}"));
    let skipped = details.skipped.iter().map(|(kind, count)| (kind.clone(), signed(*count)));
    let checkpoint = details.checkpoint.as_deref();
    RunStatus {
        id: id.to_owned(),
        dump: checkpoint.map(|checkpoint| checkpoint.source.to_string()),
        // A run that has ended has no speed and no remaining time.
        progress: known.then(|| amounts(details, if error.is_some() { Speed::default() } else { speed })),
        checkpoint: checkpoint.map(|checkpoint| mirror(checkpoint, details.acknowledged)),
        range: checkpoint.map(range),
        skipped: known
            .then(|| skipped.collect())
            .filter(|all: &std::collections::BTreeMap<_, _>| !all.is_empty()),
        rejected: known.then(|| signed(details.rejected)),
        error: error.map(shorten).or(waiting),
        buffer_expires: ttl.and_then(|ttl| time(details.acknowledged?.checked_add(ttl)?)),
    }
}

/// The status of an attempt that has not begun yet: the status of the previous attempt, with its own message. The
/// status of another run is dropped.
#[must_use]
pub fn carry_over(status: RunStatus, before: &RunStatus) -> RunStatus {
    if status.id != before.id {
        return status;
    }
    RunStatus { error: status.error, ..before.clone() }
}

/// The last position in the status, if this attempt found fewer changes in Redis: the status is never ahead, so these
/// changes were lost. `found` is how many changes it found.
#[must_use]
pub fn lost<'a>(id: &str, found: u64, before: &'a RunStatus) -> Option<&'a str> {
    let had = before.progress.as_ref()?.changes?;
    let less = id == before.id && signed(found) < had;
    before.checkpoint.as_ref().filter(|_| less)?.lsn.as_deref()
}

fn amounts(details: &Details, speed: Speed) -> Amounts {
    let complete = details.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.complete);
    Amounts {
        bytes_read: Some(signed(details.bytes)),
        bytes_total: details.bytes_total.map(signed),
        percent: percent(details.bytes, details.bytes_total, complete),
        rows: Some(signed(details.rows)),
        changes: Some(signed(details.changes)),
        rows_per_second: Some(speed.rows_per_second.round() as i64),
        eta_seconds: if complete {
            Some(0)
        } else {
            speed.seconds_left.map(|seconds| seconds.round() as i64)
        },
        table: details.table.clone(),
    }
}

/// Whole percents; a hundred means that everything is done.
fn percent(bytes: u64, total: Option<u64>, complete: bool) -> Option<i32> {
    if complete {
        return Some(100);
    }
    let total = total.filter(|total| *total > 0)?;
    Some(((u128::from(bytes) * 100 / u128::from(total)) as i32).min(99))
}

fn mirror(checkpoint: &Checkpoint, written: Option<SystemTime>) -> Mirror {
    Mirror {
        lsn: checkpoint.lsn.clone(),
        offset: Some(signed(checkpoint.scan.offset)),
        time: written.and_then(time),
        data: data(&checkpoint.to_bytes()),
    }
}

/// The checkpoint as text: its JSON, or `zstd:` and base64 of the compressed JSON. `None` if it is too large.
fn data(json: &[u8]) -> Option<String> {
    if json.len() <= PLAIN {
        return String::from_utf8(json.to_vec()).ok();
    }
    let mut encoder = zstd::Encoder::new(Vec::new(), 0).ok()?;
    encoder.write_all(json).ok()?;
    let mut text = "zstd:".to_owned();
    base64::engine::general_purpose::STANDARD.encode_string(encoder.finish().ok()?, &mut text);
    Some(text).filter(|text| text.len() <= MOST)
}

/// Both ends are included. There is no end as long as no change is durable.
fn range(checkpoint: &Checkpoint) -> Range {
    let last = checkpoint.next.checked_sub(1).filter(|last| *last >= checkpoint.first);
    Range { first: Some(signed(checkpoint.first.get())), last: last.map(|last| signed(last.get())) }
}

fn shorten(text: &str) -> String {
    let end = text.char_indices().map(|(at, _)| at).nth(ERROR).unwrap_or(text.len());
    let mut short = text[..end].to_owned();
    if end < text.len() {
        let _ = write!(short, "… ({} bytes in all)", text.len());
    }
    short
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Whole seconds, in the form that Kubernetes uses for times.
fn time(at: SystemTime) -> Option<Time> {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Timestamp::from_second(signed(seconds)).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_not_begun_says_nothing() {
        let status =
            run_status("7", &Details::default(), Speed::default(), Some(Duration::from_secs(60)), None);
        assert_eq!(status, RunStatus { id: "7".to_owned(), ..RunStatus::default() });
    }

    #[test]
    fn what_has_ended_says_nothing_of_the_time_that_is_left() {
        let details = Details { begun: true, ..Details::default() };
        let amounts = |error| {
            let speed = Speed { rows_per_second: 1000.0, seconds_left: Some(9.4) };
            let progress = run_status("7", &details, speed, None, error).progress.unwrap();
            (progress.rows_per_second, progress.eta_seconds)
        };
        assert_eq!(amounts(None), (Some(1000), Some(9)));
        assert_eq!(amounts(Some("the dump is cut off")), (Some(0), None));
    }

    #[test]
    fn what_an_earlier_attempt_left_stays_until_this_one_knows() {
        let before = RunStatus {
            id: "7".to_owned(),
            progress: Some(Amounts { changes: Some(9), ..Amounts::default() }),
            checkpoint: Some(Mirror { lsn: Some("0/BOOTSTRAP9".to_owned()), ..Mirror::default() }),
            range: Some(Range { first: Some(1), last: Some(9) }),
            error: Some("then".to_owned()),
            ..RunStatus::default()
        };
        let new =
            |id: &str| RunStatus { id: id.to_owned(), error: Some("now".to_owned()), ..RunStatus::default() };
        let carried = carry_over(new("7"), &before);
        assert_eq!((carried.error.as_deref(), &carried.range), (Some("now"), &before.range));
        assert_eq!(carry_over(new("8"), &before), new("8"));
        assert_eq!((lost("7", 9, &before), lost("7", 10, &before)), (None, None));
        assert_eq!(
            (lost("7", 8, &before), lost("7", 0, &before)),
            (Some("0/BOOTSTRAP9"), Some("0/BOOTSTRAP9"))
        );
        assert_eq!(lost("8", 0, &before), None);
    }

    #[test]
    fn percents() {
        assert_eq!(percent(0, Some(7), false), Some(0));
        assert_eq!(percent(7, Some(7), false), Some(99), "not before everything is counted");
        assert_eq!(percent(7, Some(7), true), Some(100));
        assert_eq!(percent(7, None, false), None);
        assert_eq!(percent(0, Some(0), false), None);
        assert_eq!(percent(u64::MAX / 2, Some(u64::MAX), false), Some(49));
    }

    #[test]
    fn a_large_checkpoint_is_compressed_or_left_out() {
        assert_eq!(data(b"{}").as_deref(), Some("{}"));
        let like_itself = vec![b'x'; PLAIN + 1];
        let text = data(&like_itself).unwrap();
        let packed = base64::engine::general_purpose::STANDARD.decode(text.strip_prefix("zstd:").unwrap());
        assert_eq!(zstd::decode_all(packed.unwrap().as_slice()).unwrap(), like_itself);
        let mut state = 1u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b' ' + (state >> 24) as u8 % 90
        };
        let unlike: Vec<u8> = (0..MOST * 2).map(|_| random()).collect();
        assert_eq!(data(&unlike), None);
    }

    #[test]
    fn errors_are_cut_between_characters() {
        assert_eq!(shorten("short"), "short");
        let long = "ä".repeat(ERROR + 1);
        assert!(shorten(&long).starts_with(&"ä".repeat(ERROR)) && shorten(&long).contains("8194 bytes"));
    }
}
