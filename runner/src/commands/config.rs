//! The command line, checked: what is to be done, without contradictions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kvbuffer::{ConnectOptions, ENCODER_REVISION, Keys, Lsn, Sequence};

use crate::base::error::Error;
use crate::commands::cli::{KvArgs, LoadArgs, OnError, Publish, Rows, Section};
use crate::convert::selection::{Sections, Selection, Words};
use crate::convert::transforms::Transforms;
use crate::load::change_stream::ChangeStream;
use crate::show::status;
use crate::source::Location;
use crate::source::object::Access;

mod files;
mod kasho;

/// A load.
#[derive(Debug, Clone)]
pub struct Config {
    /// The dump.
    pub location: Location,
    /// What the positions must stay below.
    pub snapshot_lsn: Option<Lsn>,
    /// Where the changes go.
    pub target: Target,
    /// What shapes the changes.
    pub shape: Arc<Shape>,
    /// The first sequence, where it was asked for.
    pub first: Option<Sequence>,
    /// Sequences to leave free behind another run.
    pub gap: u64,
    /// Rows that cannot be loaded.
    pub rejects: Rejects,
    /// The checkpoint's files, and whether it counts.
    pub resume: Resume,
    /// Changes in a batch.
    pub batch_size: usize,
    /// Threads that convert.
    pub workers: usize,
    /// Changes a second, at most.
    pub max_rate: Option<u64>,
    /// The change stream that is told.
    pub change_stream: Option<ChangeStream>,
    /// Whose status is written.
    pub status: Option<status::Target>,
    /// What looks personal must have an entry in the transform configuration.
    pub require_decision: bool,
}

/// Where changes go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Redis.
    Redis(Box<RedisTarget>),
    /// A file of JSON lines.
    File(PathBuf),
    /// Standard output, as JSON lines.
    Stdout,
    /// Nowhere.
    Nowhere,
}

/// Redis and how to treat it.
#[derive(Debug, Clone)]
pub struct RedisTarget {
    /// How to reach it.
    pub connect: ConnectOptions,
    /// The keys.
    pub keys: Keys,
    /// Their time to live.
    pub ttl: Duration,
    /// The run's name in the registry.
    pub run: String,
    /// Publish each change.
    pub publish: bool,
    /// Accept a policy that may drop the set.
    pub allow_eviction: bool,
    /// Begin a run where the set holds others.
    pub beside_other_runs: bool,
    /// Begin a run without a snapshot's position where the set holds live changes.
    pub allow_live_entries: bool,
    /// Memory above which to wait.
    pub high_water: Option<HighWater>,
    /// How long to try again.
    pub retry: Duration,
    /// How long to wait for room.
    pub full: Duration,
}

/// When Redis uses too much memory to go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HighWater {
    /// More than so many bytes.
    Bytes(u64),
    /// More than this share of its maxmemory.
    Share(f64),
}

/// What becomes of rows that cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejects {
    /// Where they go; without it the first one ends the run.
    pub file: Option<PathBuf>,
    /// How many are too many.
    pub most: u64,
}

/// How to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The checkpoint is written here too.
    pub write: Option<PathBuf>,
    /// This checkpoint must be there.
    pub from: Option<PathBuf>,
    /// Delete what is there, and start over.
    pub restart: bool,
    /// The same, unless the run was begun with this word already.
    pub restart_once: Option<String>,
}

/// Everything in the configuration that shapes changes: with the same dump and the same numbers, the same
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The form of rows.
    pub rows: Rows,
    /// `time` of SQL text.
    pub ddl_time: String,
    /// Leave out ownership.
    pub no_owner: bool,
    /// Leave out privileges.
    pub no_privileges: bool,
    /// Load Kasho's own objects.
    pub keep_kasho: bool,
    /// What is loaded of the dump.
    pub selection: Selection,
    /// What becomes of values.
    pub transforms: Option<Arc<Transforms>>,
    /// Set bad rows aside instead of ending the run.
    pub skip_rows: bool,
    /// Rows are loaded where psql would fire triggers or rules for them. It shapes no change.
    pub silent_triggers: bool,
}

impl Shape {
    /// Each part by its name, for the checkpoint: there it is compared, and differences are named.
    #[must_use]
    pub fn parts(&self) -> BTreeMap<String, String> {
        let rows = match self.rows {
            Rows::Single => "single",
            Rows::Packed => "packed",
        };
        let transforms =
            self.transforms.iter().map(|transforms| ("--transform-config", transforms.identity()));
        let chosen = self.selection.parts().into_iter().chain(transforms);
        let parts = [
            ("encoder", ENCODER_REVISION.to_string()),
            ("--rows", rows.to_owned()),
            ("--ddl-time", self.ddl_time.clone()),
            ("--no-owner", self.no_owner.to_string()),
            ("--no-privileges", self.no_privileges.to_string()),
            ("--keep-kasho-objects", self.keep_kasho.to_string()),
            ("--on-error skip", self.skip_rows.to_string()),
        ];
        parts.into_iter().chain(chosen).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Config {
    /// Checks the options of a load.
    ///
    /// # Errors
    /// [`Error::Usage`] that names the option and what it takes.
    pub fn new(args: &LoadArgs) -> Result<Self, Error> {
        let name = args.dump_file.as_deref().ok_or_else(|| usage("--dump-file is missing"))?;
        let target = target(args)?;
        let rejects = rejects(args)?;
        let shape = Shape {
            rows: args.rows,
            ddl_time: ddl_time(&args.ddl_time)?,
            no_owner: args.no_owner,
            no_privileges: args.no_privileges,
            keep_kasho: args.keep_kasho_objects,
            selection: selection(args)?,
            transforms: transforms(args)?.map(Arc::new),
            skip_rows: args.on_error == OnError::Skip,
            silent_triggers: args.silent_triggers,
        };
        let snapshot_lsn = args.snapshot_lsn.as_deref().map(snapshot_lsn).transpose()?;
        let first = args.first_sequence.map(first_sequence).transpose()?;
        let workers = args.workers.map_or_else(
            || std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            usize::from,
        );
        let location = Location::parse(name, &s3(args, name)?)?;
        files::check(args, &location)?;
        Ok(Self {
            location,
            snapshot_lsn,
            target,
            shape: Arc::new(shape),
            first,
            gap: args.sequence_gap,
            rejects,
            resume: Resume {
                write: args.checkpoint.clone(),
                from: args.resume_from.clone(),
                restart: args.restart,
                restart_once: restart_once(args)?,
            },
            batch_size: args.batch_size as usize,
            workers,
            max_rate: args.max_rate,
            change_stream: kasho::change_stream(args, snapshot_lsn)?,
            status: kasho::status(args)?,
            require_decision: args.require_decision,
        })
    }
}

/// What becomes of values.
fn transforms(args: &LoadArgs) -> Result<Option<Transforms>, Error> {
    if args.require_decision && args.transform_config.is_none() {
        return Err(usage("--require-decision needs --transform-config, where the decisions are"));
    }
    let Some(config) = &args.transform_config else {
        return match (&args.transform_key_file, args.insecure_unkeyed) {
            (None, false) => Ok(None),
            (Some(_), _) => Err(usage("--transform-key-file has a meaning only with --transform-config")),
            (None, true) => Err(usage("--insecure-unkeyed has a meaning only with --transform-config")),
        };
    };
    match (&args.transform_key_file, args.insecure_unkeyed) {
        (None, false) => Err(usage(
            "--transform-config needs --transform-key-file: without a key a dictionary finds the originals (`openssl rand -hex 32` makes one; --insecure-unkeyed goes without)",
        )),
        (Some(_), true) => Err(usage("--transform-key-file and --insecure-unkeyed exclude each other")),
        (key, _) => Transforms::read(config, key.as_deref()).map(Some),
    }
}

/// What is loaded of the dump.
fn selection(args: &LoadArgs) -> Result<Selection, Error> {
    let chosen = |section| args.section.contains(&section);
    let sections = match (args.schema_only, args.data_only, args.section.as_slice()) {
        (true, ..) => Some(Sections { data: false, no_refresh: true, ..Sections::ALL }),
        (_, true, _) => Some(Sections { data: true, ..Sections::default() }),
        (_, _, []) => None,
        _ => Some(Sections {
            pre_data: chosen(Section::PreData),
            data: chosen(Section::Data),
            post_data: chosen(Section::PostData),
            no_refresh: false,
        }),
    };
    Selection::new(&Words {
        tables: &args.table,
        exclude_tables: &args.exclude_table,
        schemas: &args.schema,
        exclude_schemas: &args.exclude_schema,
        sections: sections.filter(|sections| *sections != Sections::ALL),
        database: args.database.as_deref(),
    })
}

/// A word for one beginning. It lies in the registry of runs, so it needs Redis.
fn restart_once(args: &LoadArgs) -> Result<Option<String>, Error> {
    let Some(token) = &args.restart_once else { return Ok(None) };
    if args.output.is_some() || args.dry_run {
        return Err(usage("--restart-once needs Redis, which remembers the token: use --restart"));
    }
    let visible = token.chars().all(|character| character.is_ascii_graphic());
    if !visible || !(1..=200).contains(&token.len()) {
        return Err(usage(format!("--restart-once {token:?} is not 1 to 200 visible ASCII characters")));
    }
    Ok(Some(token.clone()))
}

/// How to reach S3, where that is where the dump lies.
fn s3(args: &LoadArgs, name: &str) -> Result<Access, Error> {
    let given = [
        ("--s3-endpoint", args.s3_endpoint.is_some()),
        ("--s3-region", args.s3_region.is_some()),
        ("--s3-path-style", args.s3_path_style),
        ("--s3-ca-file", args.s3_ca_file.is_some()),
    ];
    if let Some((option, _)) = given.iter().find(|(_, given)| *given && !name.starts_with("s3://")) {
        return Err(usage(format!("{option} has a meaning only with --dump-file s3://bucket/key")));
    }
    Ok(Access {
        endpoint: args.s3_endpoint.clone(),
        region: args.s3_region.clone(),
        path_style: args.s3_path_style,
        ca_file: args.s3_ca_file.clone(),
        retry: duration("--retry-timeout", &args.retry_timeout)?,
    })
}

/// Renewed every few seconds, by a process that may have to wait for its turn.
const SHORTEST_TTL: Duration = Duration::from_secs(60);

fn usage(message: impl Into<String>) -> Error {
    Error::Usage(message.into())
}

fn target(args: &LoadArgs) -> Result<Target, Error> {
    if args.dry_run {
        return Ok(Target::Nowhere);
    }
    match args.output.as_deref() {
        Some("-") if args.checkpoint.is_some() || args.resume_from.is_some() => {
            return Err(usage(
                "--output - cannot be resumed: --checkpoint and --resume-from need --output FILE or Redis",
            ));
        }
        Some("-") => return Ok(Target::Stdout),
        Some(path) => return Ok(Target::File(path.into())),
        None => {}
    }
    if args.kv.kv_url.is_none() {
        return Err(usage(
            "--kv-url is missing (or PGBOOTSTRAP_KV_URL): where is Redis? --output and --dry-run need none",
        ));
    }
    let (mut connect, keys) = connection(&args.kv)?;
    let retry = duration("--retry-timeout", &args.retry_timeout)?;
    connect.connect_timeout = connect.connect_timeout.min(retry);
    Ok(Target::Redis(Box::new(RedisTarget {
        connect,
        keys,
        ttl: ttl(&args.ttl)?,
        run: args.run_id.clone(),
        publish: args.publish == Publish::Always,
        allow_eviction: args.allow_eviction,
        beside_other_runs: args.beside_other_runs,
        allow_live_entries: args.allow_live_entries,
        high_water: args.memory_high_water.as_deref().map(high_water).transpose()?,
        retry,
        full: duration("--full-timeout", &args.full_timeout)?,
    })))
}

/// How to reach Redis, and the keys there.
///
/// # Errors
/// [`Error::Usage`] when no address is given, or the password's file cannot be read.
pub fn connection(args: &KvArgs) -> Result<(ConnectOptions, Keys), Error> {
    let missing = || usage("--kv-url is missing (or PGBOOTSTRAP_KV_URL): where is Redis?");
    let url = args.kv_url.as_deref().ok_or_else(missing)?;
    let mut connect = ConnectOptions::new(url);
    connect.username.clone_from(&args.kv_username);
    connect.password = args.kv_password_file.as_deref().map(password).transpose()?;
    connect.ca_file.clone_from(&args.kv_ca_file);
    connect.client_cert_file.clone_from(&args.kv_cert_file);
    connect.client_key_file.clone_from(&args.kv_key_file);
    Ok((connect, Keys::new(&args.kv_key)))
}

fn password(path: &std::path::Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("--kv-password-file {} cannot be read: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn rejects(args: &LoadArgs) -> Result<Rejects, Error> {
    match (args.on_error, &args.reject_file) {
        (OnError::Skip, None) => {
            Err(usage("--on-error skip needs --reject-file: a row that is set aside must not be lost"))
        }
        (OnError::Stop, Some(_)) => Err(usage("--reject-file has a meaning only with --on-error skip")),
        (_, file) => Ok(Rejects { file: file.clone(), most: args.max_errors }),
    }
}

fn snapshot_lsn(text: &str) -> Result<Lsn, Error> {
    let lsn: Lsn = text.parse().map_err(|_| {
        usage(format!("--snapshot-lsn {text} is not a WAL position: two hexadecimal numbers and a slash, like 16/B374D848"))
    })?;
    match lsn.score() {
        Some(_) => Ok(lsn),
        None => Err(usage(format!("--snapshot-lsn {text} is higher than the buffer's scores can express"))),
    }
}

fn first_sequence(number: u64) -> Result<Sequence, Error> {
    Sequence::new(number).ok_or_else(|| {
        usage(format!("--first-sequence {number} is not between 1 and {}", Sequence::MAX.get()))
    })
}

/// RFC 3339, checked by its shape and its ranges: a time that the consumer cannot read loses the entry.
fn ddl_time(text: &str) -> Result<String, Error> {
    let readable = kvbuffer::Timestamp::parse(text).is_some();
    if readable {
        Ok(text.to_owned())
    } else {
        Err(usage(format!("--ddl-time {text} is not RFC 3339, like 2026-01-02T03:04:05Z")))
    }
}

/// A number with a unit: `500ms`, `30s`, `10m`, `24h`, `7d`.
fn duration(option: &str, text: &str) -> Result<Duration, Error> {
    let (number, unit) = split_unit(text);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => f64::NAN,
    };
    number
        .map(|number| number * seconds)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| usage(format!("{option} {text} is not a duration, like 500ms, 30s, 10m, 24h or 7d")))
}

/// A shorter one lets the set expire, everybody's entries with it, before it is renewed.
fn ttl(text: &str) -> Result<Duration, Error> {
    let ttl = duration("--ttl", text)?;
    let long_enough = Some(ttl).filter(|ttl| *ttl >= SHORTEST_TTL);
    long_enough.ok_or_else(|| {
        usage(format!("--ttl {text} is too short: the set expires after it, so give at least 1m"))
    })
}

fn high_water(text: &str) -> Result<HighWater, Error> {
    let (number, unit) = split_unit(text);
    let scale = match unit {
        "%" => {
            let share = number.filter(|share| *share > 0.0 && *share <= 100.0);
            return share
                .map(|share| HighWater::Share(share / 100.0))
                .ok_or_else(|| usage(format!("--memory-high-water {text} is not between 0% and 100%")));
        }
        "" | "B" => 1.0,
        "KiB" | "k" | "K" => 1024.0,
        "MiB" | "M" => 1024.0 * 1024.0,
        "GiB" | "G" => 1024.0 * 1024.0 * 1024.0,
        "TiB" | "T" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => f64::NAN,
    };
    number
        .map(|number| number * scale)
        .filter(|bytes| *bytes >= 1.0)
        .map(|bytes| HighWater::Bytes(bytes as u64))
        .ok_or_else(|| {
            usage(format!("--memory-high-water {text} is not a size, like 8GiB, or a share, like 90%"))
        })
}

fn split_unit(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (text[..end].parse().ok(), text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes() {
        assert_eq!(duration("--ttl", "24h").unwrap(), Duration::from_secs(86400));
        assert_eq!(duration("--ttl", "1.5s").unwrap(), Duration::from_millis(1500));
        for wrong in ["", "h", "0s", "1y", "-1s", "1 2"] {
            let message = duration("--ttl", wrong).unwrap_err().to_string();
            assert!(message.contains("--ttl"), "{message}");
        }
        assert_eq!(high_water("90%").unwrap(), HighWater::Share(0.9));
        assert_eq!(high_water("1.5GiB").unwrap(), HighWater::Bytes(3 << 29));
        assert!(high_water("120%").is_err());
        assert!(high_water("12 apples").is_err());
        assert!(ttl("1m").is_ok());
        assert!(ttl("59s").is_err());
        assert!(ttl("0.1ms").is_err());
    }

    #[test]
    fn positions() {
        assert!(snapshot_lsn("16/B374D848").is_ok());
        assert!(snapshot_lsn("0/BOOTSTRAP1").is_err());
        assert!(snapshot_lsn("FFFFFFFF/FFFFFFFF").is_err());
        assert!(first_sequence(0).is_err());
        assert!(ddl_time("2026-01-02").is_err());
        assert!(ddl_time("2026-01-02T03:04:05+01:00").is_ok());
    }
}
