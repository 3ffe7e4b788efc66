//! The checked command line: what to do, without contradictions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dump::archive::read_list;
use kvbuffer::{ConnectOptions, Keys, Lsn, Sequence};

use crate::base::error::Error;
use crate::commands::cli::{ErrorOptions, KvArgs, LoadArgs, OnError, Publish, Section, SelectionOptions};
use crate::load::config::{Config, Destination, Rates, Rejects, Resume};
use crate::load::sink::target::{HighWater, RedisTarget};
use convert::form::RowForm;
use convert::selection::{Sections, Selection, Words};
use convert::shape::Shape;
use source::Location;
use source::object::{Access, Listener, Store, shown};

mod files;
mod kasho;
mod replica;
pub mod transforms;

pub use self::replica::{apply, only_for_load};
pub use kasho::status;

/// Checks the options of a load.
///
/// # Errors
/// [`Error::Usage`], which names the option and the values that it takes.
pub fn load(args: &LoadArgs) -> Result<Config, Error> {
    let name = dump(args)?;
    let target = target(args)?;
    let rejects = rejects(&args.errors)?;
    let shape = Shape {
        rows: if matches!(target, Destination::Replica(_)) {
            RowForm::Copy
        } else {
            args.changes.rows.into()
        },
        ddl_time: ddl_time(&args.changes.ddl_time)?,
        no_owner: args.changes.no_owner,
        no_privileges: args.changes.no_privileges,
        keep_kasho: args.changes.keep_kasho_objects,
        selection: selection(&args.selection)?,
        transforms: transforms::of(args)?.map(Arc::new),
        // What a database refuses shapes nothing of the rest.
        skip_rows: args.errors.on_error == OnError::Skip && !matches!(target, Destination::Replica(_)),
        silent_triggers: args.changes.silent_triggers,
    };
    let snapshot_lsn = args.source.snapshot_lsn.as_deref().map(snapshot_lsn).transpose()?;
    let first = args.changes.first_sequence.map(first_sequence).transpose()?;
    let workers = args
        .speed
        .workers
        .map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from);
    let location = Location::parse(&name, &access(args, &name)?)?;
    files::check(args, &location)?;
    Ok(Config {
        location,
        snapshot_lsn,
        target,
        shape: Arc::new(shape),
        first,
        gap: args.changes.sequence_gap,
        rejects,
        resume: Resume {
            write: args.resuming.checkpoint.clone(),
            from: args.resuming.resume_from.clone(),
            restart: args.resuming.restart,
            restart_once: restart_once(args)?,
        },
        batch_size: args.speed.batch_size as usize,
        workers,
        max_rate: max_rate(&args.speed.max_rate)?,
        change_stream: kasho::change_stream(args, snapshot_lsn)?,
        require_decision: args.transforms.require_decision,
    })
}

/// The dump, from the argument or from an option. If it is the address of a Redis, that may contain a password.
fn dump(args: &LoadArgs) -> Result<String, Error> {
    let url = args.source.dump_url_file.as_deref().map(dump_url).transpose()?;
    let given = [args.dump.as_deref(), args.source.dump_file.as_deref(), url.as_deref()];
    if let Some(address) = given.into_iter().flatten().find(|name| is_address(name)) {
        return Err(usage(format!(
            "{} is not a dump: give a path, a URI like s3://bucket/key, or - (Redis is given by --kv-url)",
            ConnectOptions::new(address).redacted_url()
        )));
    }
    let mut names = given.into_iter().flatten();
    let Some(name) = names.next() else { return Err(usage("no dump is given")) };
    match names.find(|other| *other != name) {
        Some(other) => Err(usage(format!(
            "two dumps are given, {} and {} (--dump-file or PGBOOTSTRAP_DUMP_FILE)",
            shown(name),
            shown(other)
        ))),
        None => Ok(name.to_owned()),
    }
}

/// The URL in a file. What is not one is not repeated: it is another secret.
fn dump_url(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("--dump-url-file {} cannot be read: {error}", path.display())))?;
    let url = text.trim();
    if Store::of(url) == Some(Store::Web) && !url.contains(char::is_whitespace) {
        return Ok(url.to_owned());
    }
    Err(usage(format!("--dump-url-file {} must hold one URL, https://…, and nothing else", path.display())))
}

/// Whether it is the address of something that holds no dumps.
fn is_address(name: &str) -> bool {
    name.contains("://") && Store::of(name).is_none()
}

/// What is loaded of the dump.
fn selection(options: &SelectionOptions) -> Result<Selection, Error> {
    let chosen = |section| options.section.contains(&section);
    let sections = match (options.schema_only, options.data_only, options.section.as_slice()) {
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
    Ok(Selection::new(&Words {
        tables: &options.table,
        exclude_tables: &options.exclude_table,
        schemas: &options.schema,
        exclude_schemas: &options.exclude_schema,
        sections: sections.filter(|sections| *sections != Sections::ALL),
        database: options.database.as_deref(),
        max_rows: options.max_rows_per_table,
        entries: options.use_list.as_deref().map(entries).transpose()?,
    })?)
}

/// The entries of an archive that a file lists.
fn entries(path: &Path) -> Result<Arc<[i32]>, Error> {
    let text =
        std::fs::read(path).map_err(|error| usage(format!("--use-list {}: {error}", path.display())))?;
    let (entries, odd) = read_list(&text);
    for line in odd {
        tracing::warn!(
            "--use-list {}: line {line} is ignored: it begins with no number, or with one that came before",
            path.display()
        );
    }
    Ok(entries)
}

/// The token of `--restart-once`. It is stored in the registry of runs, so it needs Redis.
fn restart_once(args: &LoadArgs) -> Result<Option<String>, Error> {
    let Some(token) = &args.resuming.restart_once else { return Ok(None) };
    if args.instead.output.is_some() || args.instead.dry_run {
        return Err(usage("--restart-once needs Redis, which stores the token: use --restart"));
    }
    let visible = token.chars().all(|character| character.is_ascii_graphic());
    if !visible || !(1..=200).contains(&token.len()) {
        return Err(usage(format!("--restart-once {token:?} is not 1 to 200 visible ASCII characters")));
    }
    Ok(Some(token.clone()))
}

/// How to reach the service that has the dump, if one has.
fn access(args: &LoadArgs, name: &str) -> Result<Access, Error> {
    use Store::{Azure, Gcs, S3, Web};
    let options = &args.source;
    let given: [(_, _, &[Store]); 5] = [
        ("--store-endpoint", options.endpoint().is_some(), &[S3, Gcs, Azure]),
        ("--store-ca-file", options.ca_file().is_some(), &[S3, Gcs, Azure, Web]),
        ("--s3-region", options.s3_region.is_some(), &[S3]),
        ("--s3-path-style", options.s3_path_style, &[S3]),
        ("--allow-http", options.allow_http, &[Web]),
    ];
    let store = Store::of(name);
    for (option, given, stores) in given {
        if given && !store.is_some_and(|store| stores.contains(&store)) {
            let forms: Vec<_> = stores.iter().map(|store| store.form()).collect();
            return Err(usage(format!("{option} needs a dump of the form {}", forms.join(" or "))));
        }
    }
    Ok(Access {
        endpoint: options.endpoint().map(str::to_owned),
        region: options.s3_region.clone(),
        path_style: options.s3_path_style,
        allow_http: options.allow_http,
        ca_file: options.ca_file().map(Path::to_owned),
        retry: duration("--retry-timeout", &args.redis.retry_timeout)?,
        listener: Listener::default(),
    })
}

/// The TTL is renewed every few seconds, by a process that may have to wait for its turn on the processor.
const SHORTEST_TTL: Duration = Duration::from_secs(60);

fn usage(message: impl Into<String>) -> Error {
    Error::Usage(message.into())
}

fn target(args: &LoadArgs) -> Result<Destination, Error> {
    if let Some(target) = replica::target(args)? {
        return Ok(Destination::Replica(Box::new(target)));
    }
    if args.instead.dry_run {
        return Ok(Destination::Nowhere);
    }
    match args.instead.output.as_deref() {
        Some("-") if args.resuming.checkpoint.is_some() || args.resuming.resume_from.is_some() => {
            return Err(usage(
                "--output - cannot be resumed: --checkpoint and --resume-from need --output FILE or Redis",
            ));
        }
        Some("-") => return Ok(Destination::Stdout),
        Some(path) => return Ok(Destination::File(path.into())),
        None => {}
    }
    if args.kv.kv_url.is_none() {
        return Err(usage(
            "--kv-url (or PGBOOTSTRAP_KV_URL) is missing: give the address of Redis, or a database by --replica-url; --output and --dry-run need none",
        ));
    }
    let (mut connect, keys) = connection(&args.kv)?;
    let retry = duration("--retry-timeout", &args.redis.retry_timeout)?;
    connect.connect_timeout = connect.connect_timeout.min(retry);
    Ok(Destination::Redis(Box::new(RedisTarget {
        connect,
        keys,
        ttl: ttl(&args.redis.ttl)?,
        run: args.resuming.run_id.clone(),
        publish: args.redis.publish == Publish::Always,
        allow_eviction: args.redis.allow_eviction,
        min_replicas: args.redis.min_replicas,
        beside_other_runs: args.redis.beside_other_runs,
        allow_live_entries: args.redis.allow_live_entries,
        high_water: args.redis.memory_high_water.as_deref().map(high_water).transpose()?,
        retry,
        full: duration("--full-timeout", &args.redis.full_timeout)?,
    })))
}

/// How to reach Redis, and the keys there.
///
/// # Errors
/// [`Error::Usage`] if no address is given, or if the password file cannot be read.
pub fn connection(args: &KvArgs) -> Result<(ConnectOptions, Keys), Error> {
    let missing = || usage("--kv-url (or PGBOOTSTRAP_KV_URL) is missing: give the address of Redis");
    let url = args.kv_url.as_deref().ok_or_else(missing)?;
    let mut connect = ConnectOptions::new(url);
    connect.username.clone_from(&args.kv_username);
    connect.password = args.kv_password_file.as_deref().map(password).transpose()?;
    connect.ca_file.clone_from(&args.kv_ca_file);
    connect.client_cert_file.clone_from(&args.kv_cert_file);
    connect.client_key_file.clone_from(&args.kv_key_file);
    Ok((connect, Keys::new(&args.kv_key)))
}

fn password(path: &Path) -> Result<String, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("--kv-password-file {} cannot be read: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn rejects(options: &ErrorOptions) -> Result<Rejects, Error> {
    match (options.on_error, &options.reject_file) {
        (OnError::Skip, None) => {
            Err(usage("--on-error skip needs --reject-file: a row that is set aside must not be lost"))
        }
        (OnError::Stop, Some(_)) => Err(usage("--reject-file needs --on-error skip")),
        (_, file) => Ok(Rejects { file: file.clone(), most: options.max_errors }),
    }
}

fn snapshot_lsn(text: &str) -> Result<Lsn, Error> {
    let lsn: Lsn = text.parse().map_err(|_| {
        usage(format!("--snapshot-lsn {text} is not a WAL position: two hexadecimal numbers and a slash, like 16/B374D848"))
    })?;
    match lsn.score() {
        Some(_) => Ok(lsn),
        None => {
            Err(usage(format!("--snapshot-lsn {text} is too high: the buffer's scores cannot express it")))
        }
    }
}

fn first_sequence(number: u64) -> Result<Sequence, Error> {
    Sequence::new(number).ok_or_else(|| {
        usage(format!("--first-sequence {number} is not between 1 and {}", Sequence::MAX.get()))
    })
}

/// Checks the form and the ranges of an RFC 3339 time. The consumer drops an entry with a time that it cannot read.
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

/// With a shorter TTL the set, with all its entries, could expire before it is renewed.
fn ttl(text: &str) -> Result<Duration, Error> {
    let ttl = duration("--ttl", text)?;
    let long_enough = Some(ttl).filter(|ttl| *ttl >= SHORTEST_TTL);
    long_enough.ok_or_else(|| {
        usage(format!("--ttl {text} is too short: Redis drops the set after this time, so give at least 1m"))
    })
}

fn high_water(text: &str) -> Result<HighWater, Error> {
    if let (number, "%") = split_unit(text) {
        let share = number.filter(|share| *share > 0.0 && *share <= 100.0);
        return share
            .map(|share| HighWater::Share(share / 100.0))
            .ok_or_else(|| usage(format!("--memory-high-water {text} is not between 0% and 100%")));
    }
    size(text).map(HighWater::Bytes).ok_or_else(|| {
        usage(format!("--memory-high-water {text} is not a size, like 8GiB, or a share, like 90%"))
    })
}

/// Of several limits of a kind the lowest holds.
fn max_rate(limits: &[String]) -> Result<Rates, Error> {
    let lower = |limit: &mut Option<u64>, other: u64| *limit = Some(limit.unwrap_or(other).min(other));
    let mut rates = Rates::default();
    for text in limits {
        // Of 20k it would not be clear what it counts.
        match (text.parse(), size(text).filter(|_| text.ends_with('B'))) {
            (Ok(changes), _) if changes > 0 => lower(&mut rates.changes, changes),
            (Err(_), Some(bytes)) => lower(&mut rates.bytes, bytes),
            _ => {
                let what = "a number of changes per second, like 20000, or of bytes, like 20MiB";
                return Err(usage(format!("--max-rate {text} is not {what}")));
            }
        }
    }
    Ok(rates)
}

/// A size in bytes, with or without a unit.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text);
    let scale = match unit {
        "" | "B" => 1.0,
        "KiB" | "k" | "K" => 1024.0,
        "MiB" | "M" => 1024.0 * 1024.0,
        "GiB" | "G" => 1024.0 * 1024.0 * 1024.0,
        "TiB" | "T" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => f64::NAN,
    };
    number.map(|number| number * scale).filter(|bytes| *bytes >= 1.0).map(|bytes| bytes as u64)
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
        let rates = |text: &str| max_rate(&text.split(',').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(rates("20000").unwrap(), Rates { changes: Some(20_000), bytes: None });
        assert_eq!(rates("9,1.5MiB,7").unwrap(), Rates { changes: Some(7), bytes: Some(3 << 19) });
        for text in ["0", "-1", "0B", "90%", "fast", "1.5", "20k", "5,", "5,x"] {
            assert!(rates(text).is_err(), "{text}");
        }
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
