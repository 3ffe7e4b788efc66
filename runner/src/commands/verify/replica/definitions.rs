//! Definitions: the dump's are made in a database beside the replica, and pg_dump prints both.
//!
//! ```text
//! statements of the dump ─▶ a scratch database ─▶ pg_dump --schema-only ─┐
//!                                     the replica ─▶ pg_dump --schema-only ─┴─▶ entry by entry
//! ```
//!
//! Without the right to create a database, the dump's statements themselves are compared with those that pg_dump prints of the
//! replica: other versions of pg_dump write some of them in other words.

use std::collections::HashMap;
use std::io::Read;

use ::replica::{ConnectOptions, Scratch, environment};
use convert::shape::Shape;
use dump::{Event, Kind, Scanner, object};
use twox_hash::XxHash3_128;

use super::client::Client;
use super::entries::{Entries, ObjectFault};
use super::failed;
use super::report::DefinitionsReport;
use super::statements::main;
use crate::base::aside::aside;
use crate::base::error::{Error, chain};
use crate::base::stop::Stop;

/// So many definitions that differ are named.
const NAMED: usize = 100;
/// What is said of statements that are compared as text.
const AS_TEXT: &str = "by the text of their statements, since no database could be created for them: other versions of pg_dump may write the same in other words";

/// The dump's definitions.
pub(super) struct Definitions {
    place: Place,
    client: Client,
    keep_kasho: bool,
    /// Statements that were made.
    count: u64,
    /// Something was created.
    creates: bool,
}

enum Place {
    Scratch(Box<Scratch>),
    /// Hashes of statements, each with how often it is there and what it is.
    Statements(Statements, String),
    Nowhere(Why),
}

/// Why they are not compared.
enum Why {
    /// Nobody wants to know.
    LeftOut,
    /// They cannot be.
    Failed(String),
}

type Statements = HashMap<u128, (i64, String)>;

impl Definitions {
    /// Prepares a place for them.
    pub(super) async fn begin(
        options: &ConnectOptions,
        shape: &Shape,
        client: Option<Client>,
    ) -> Result<Self, Error> {
        let (place, client) = match client {
            None => {
                let nothing = Client { program: "pg_dump".into(), arguments: Vec::new() };
                (Place::Nowhere(Why::LeftOut), nothing)
            }
            Some(client) => (place(options).await?, client),
        };
        let mut client = client;
        client.arguments.extend(shape.no_owner.then(|| "--no-owner".to_owned()));
        client.arguments.extend(shape.no_privileges.then(|| "--no-privileges".to_owned()));
        Ok(Self { place, client, keep_kasho: shape.keep_kasho, count: 0, creates: false })
    }

    /// Takes a statement of the dump.
    pub(super) async fn see(&mut self, text: &str) -> Result<(), Error> {
        self.creates |= dump::verb(main(text)).starts_with("CREATE");
        match &mut self.place {
            Place::Nowhere(_) => return Ok(()),
            Place::Statements(statements, _) => note(statements, main(text), 1),
            Place::Scratch(scratch) => match scratch.run(text).await {
                Ok(()) => {}
                Err(error) if error.is_retryable() || error.ends_session() => {
                    return Err(failed("make definitions for comparison")(error));
                }
                // Of an empty database nothing can be dropped or changed: `pg_dump --clean`, `--data-only`.
                Err(_) if !self.creates => return Ok(()),
                Err(error) => {
                    let verb = dump::verb(main(text));
                    let why = format!("{verb} cannot be made beside the replica: {}", chain(&error));
                    return self.give_up(Why::Failed(why)).await;
                }
            },
        }
        self.count += 1;
        Ok(())
    }

    async fn give_up(&mut self, why: Why) -> Result<(), Error> {
        match std::mem::replace(&mut self.place, Place::Nowhere(why)) {
            Place::Scratch(scratch) => {
                scratch.remove().await.map_err(failed("drop the database for definitions"))
            }
            Place::Statements(..) | Place::Nowhere(_) => Ok(()),
        }
    }

    /// Compares them with the replica's.
    pub(super) async fn compare(
        &mut self,
        options: &ConnectOptions,
        stop: &Stop,
    ) -> Result<DefinitionsReport, Error> {
        if !self.creates && !matches!(self.place, Place::Nowhere(_)) {
            return Ok(DefinitionsReport { none: true, ..DefinitionsReport::default() });
        }
        let replica = environment(options).map_err(failed("read the password"))?;
        let (client, keep) = (self.client.clone(), self.keep_kasho);
        let leaves_out = move |name: &str| !keep && name.split([' ', '.']).any(object::is_kasho_name);
        let compared: Result<DefinitionsReport, String> = match &mut self.place {
            Place::Nowhere(Why::LeftOut) => {
                return Ok(DefinitionsReport { left_out: true, ..DefinitionsReport::default() });
            }
            Place::Nowhere(Why::Failed(why)) => Err(why.clone()),
            Place::Scratch(scratch) => {
                let scratch = environment(scratch.options()).map_err(failed("read the password"))?;
                let compare = move || -> Result<DefinitionsReport, String> {
                    let expected = client.definitions(&scratch, |out| Entries::read(out, leaves_out))?;
                    let found = client.definitions(&replica, |out| Entries::read(out, leaves_out))?;
                    let all = expected.differences(&found);
                    Ok(report(expected.len() as u64, all, None))
                };
                aside(move |_| Ok(compare()), stop).await?
            }
            Place::Statements(statements, why) => {
                let (mut statements, why, count) = (std::mem::take(statements), why.clone(), self.count);
                let compare = move || -> Result<DefinitionsReport, String> {
                    client.definitions(&replica, |out| read(out, &mut statements, keep))?;
                    let left = statements.into_values().filter(|(times, _)| *times != 0);
                    let mut all: Vec<_> = left
                        .map(|(times, what)| {
                            (what, if times > 0 { ObjectFault::Missing } else { ObjectFault::Extra })
                        })
                        .collect();
                    all.sort();
                    Ok(report(count, all, Some(format!("{AS_TEXT} ({why})"))))
                };
                aside(move |_| Ok(compare()), stop).await?
            }
        };
        Ok(compared.unwrap_or_else(|why| DefinitionsReport {
            not_compared: Some(why),
            ..DefinitionsReport::default()
        }))
    }

    /// Removes what was made.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        self.give_up(Why::LeftOut).await
    }
}

async fn place(options: &ConnectOptions) -> Result<Place, Error> {
    match Scratch::create(options).await {
        Ok(scratch) => Ok(Place::Scratch(Box::new(scratch))),
        Err(error) if error.is_retryable() && error.server().is_none_or(|error| error.code != "25006") => {
            Err(failed("create a database for definitions")(error))
        }
        Err(error) => {
            let why = chain(&error);
            tracing::warn!("definitions are compared {AS_TEXT}: {why}");
            Ok(Place::Statements(HashMap::new(), why))
        }
    }
}

fn report(compared: u64, all: Vec<(String, ObjectFault)>, how: Option<String>) -> DefinitionsReport {
    let differ = all.len() as u64;
    let differences = all.into_iter().take(NAMED).collect();
    DefinitionsReport { compared, differ, differences, how, ..DefinitionsReport::default() }
}

/// Counts a statement up or down.
fn note(statements: &mut Statements, text: &str, times: i64) {
    let text = text.trim_end();
    let hash = XxHash3_128::oneshot(text.as_bytes());
    let entry = statements.entry(hash).or_insert_with(|| (0, name(text)));
    entry.0 += times;
    if entry.0 == 0 {
        statements.remove(&hash);
    }
}

/// What a statement is: its first line, without what may be values.
fn name(text: &str) -> String {
    let head: Vec<_> =
        text.split_whitespace().take_while(|word| !word.contains(['(', '\'', '$'])).take(8).collect();
    head.join(" ").trim_end_matches(';').to_owned()
}

/// Takes the statements away that pg_dump prints.
fn read(mut text: impl Read, statements: &mut Statements, keep_kasho: bool) -> std::io::Result<()> {
    let mut scanner = Scanner::new();
    loop {
        while let Some(event) = scanner.next_event().map_err(std::io::Error::other)? {
            match event {
                Event::Statement(statement) => {
                    let ours =
                        keep_kasho || object::bookkeeping(&statement.text, true) == object::Bookkeeping::No;
                    let defines = !matches!(
                        statement.kind,
                        Kind::Setting(_)
                            | Kind::ResetAll { .. }
                            | Kind::Transaction(_)
                            | Kind::NotForReplica(_)
                    );
                    if ours && defines {
                        note(statements, &statement.text, -1);
                    }
                }
                Event::End => return Ok(()),
                _ => {}
            }
        }
        let count = text.read(scanner.room())?;
        if count == 0 { scanner.finish() } else { scanner.fill(count) }
    }
}
