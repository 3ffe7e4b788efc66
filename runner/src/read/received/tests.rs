use kvbuffer::{ROW_TAIL, RowHead, encode_ddl};

use super::*;

fn sequence(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}

fn entry(number: u64, member: Vec<u8>) -> Entry {
    Entry { score: sequence(number).score(), member }
}

fn statement(number: u64, text: &str) -> Entry {
    let mut member = Vec::new();
    encode_ddl(&mut member, sequence(number), "2000-01-01T00:00:00Z", "", text);
    entry(number, member)
}

fn row(number: u64, table: &str, length: usize) -> Entry {
    let mut member = Vec::new();
    RowHead::new(table, &["a"], sequence(number)).push(&mut member);
    member.extend_from_slice(format!("\"{}\"", "x".repeat(length)).as_bytes());
    member.extend_from_slice(ROW_TAIL);
    entry(number, member)
}

fn pack(number: u64, rows: usize) -> Entry {
    let values: Vec<String> = (0..rows).map(|row| format!("('{row}')")).collect();
    let head =
        "SET LOCAL session_replication_role = replica;\nINSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES\n";
    statement(number, &format!("{head}{};", values.join(",\n")))
}

/// Statements, rows of two tables in several slabs, with a hole, and packs.
fn run() -> Vec<Entry> {
    let mut entries =
        vec![statement(1, "CREATE TABLE t (a text);"), statement(2, "CREATE TABLE u (a text);")];
    entries.extend((3..60).map(|number| row(number, "t", 20_000)));
    // 60 was left out.
    entries.extend((61..80).map(|number| row(number, "t", 20_000)));
    entries.extend((80..90).map(|number| row(number, "u", 10)));
    entries.extend([pack(90, 3), pack(91, 2), statement(92, "CREATE INDEX ON t (a);")]);
    entries
}

/// An item, as far as it matters: where it begins, its number of rows, its bytes, and the mark before or after it.
#[derive(Debug, Clone)]
struct Seen {
    first: u64,
    rows: u64,
    bytes: Vec<u8>,
    mark: Mark,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        (self.first, self.rows, &self.bytes, self.mark.rows, &self.mark.scan)
            == (other.first, other.rows, &other.bytes, other.mark.rows, &other.mark.scan)
    }
}

/// The items of these pages, and the error at the end, if there is one.
fn items(begin: Begin, pages: Vec<Page>) -> (Vec<Seen>, Option<String>) {
    let (give, receive) = mpsc::channel(pages.len().max(1));
    for page in pages {
        give.try_send(page).unwrap();
    }
    drop(give);
    let mut pipeline = start(begin, receive).unwrap();
    let (mut seen, mut failed) = (Vec::new(), None);
    while let Some(item) = pipeline.items.blocking_recv() {
        match item {
            Item::Rows { mut rows, count, first, before, .. } => {
                let bytes = rows.blocking_recv().unwrap().rendered.bytes;
                seen.push(Seen { first: first.get(), rows: count, bytes, mark: *before });
            }
            Item::Sql { members, first, after } => {
                seen.push(Seen { first: first.get(), rows: 0, bytes: members.bytes, mark: *after });
            }
            Item::Failed(error) => failed = Some(error.to_string()),
            Item::LeftOut { .. } | Item::TableEnd { .. } | Item::End { .. } => {}
        }
    }
    (seen, failed)
}

fn begin() -> Begin {
    Begin {
        first: sequence(1),
        end: sequence(93),
        next: sequence(1),
        rows: 0,
        block: None,
        plan: PlanPoint::default(),
        identity: Identity::Pipe { hashed: 0, hash: String::new() },
        holes: 1,
        bytes: 1000,
    }
}

fn in_pages(entries: &[Entry], size: usize) -> Vec<Page> {
    entries.chunks(size).map(|page| Ok(page.to_vec())).collect()
}

#[test]
fn pages_make_no_difference() {
    let (whole, failed) = items(begin(), in_pages(&run(), 1000));
    assert_eq!(failed, None);
    assert_eq!(whole.iter().map(|seen| seen.rows).sum::<u64>(), 57 + 19 + 10 + 5);
    let slabs: Vec<_> =
        whole.iter().filter(|seen| seen.rows > 0).map(|seen| (seen.first, seen.rows)).collect();
    assert_eq!(
        slabs,
        [(3, 14), (17, 14), (31, 14), (45, 14), (59, 1), (61, 14), (75, 5), (80, 10), (90, 3), (91, 2)]
    );
    for size in [1, 2, 7, 30] {
        assert_eq!(items(begin(), in_pages(&run(), size)), (whole.clone(), None), "pages of {size}");
    }
}

/// Whoever goes on at a slab's beginning finds the same slabs from there on.
#[test]
fn a_resumed_reading_makes_the_same() {
    let (whole, _) = items(begin(), in_pages(&run(), 10));
    for (index, at) in whole.iter().enumerate().filter(|(_, seen)| seen.rows > 0) {
        let block = at.mark.scan.block.clone().map(|point| {
            let table = if (80..90).contains(&at.first) { "u" } else { "t" };
            (point, table.to_owned())
        });
        let entries: Vec<_> = run().into_iter().filter(|entry| entry.score >= at.mark.next.score()).collect();
        let resumed = Begin {
            next: at.mark.next,
            rows: at.mark.rows,
            block,
            holes: u64::from(at.first <= 60),
            ..begin()
        };
        assert_eq!(items(resumed, in_pages(&entries, 9)).0, whole[index..], "from {}", at.first);
    }
}

/// Nothing of a slab that is not whole, and nothing behind a gap.
#[test]
fn a_failure_cuts_no_slab() {
    let (whole, _) = items(begin(), in_pages(&run(), 10));
    let is_prefix = |found: &[Seen]| whole.starts_with(found);
    for size in 1..40 {
        let mut pages = in_pages(&run()[..size], 6);
        pages.push(Err(Error::Verification("away".to_owned())));
        let (found, failed) = items(begin(), pages);
        assert!(is_prefix(&found) && failed.is_some_and(|failed| failed.contains("away")), "{size}");
    }
    let mut gap = run();
    gap.remove(33);
    let (found, failed) = items(Begin { holes: 0, ..begin() }, in_pages(&gap, 10));
    assert!(failed.unwrap().contains("the change at position 0/BOOTSTRAP00000034 is not in Redis any more"));
    assert!(
        is_prefix(&found) && found.last().unwrap().first == 17,
        "{:?}",
        found.last().map(|seen| seen.first)
    );
    let mut twice = run();
    twice.insert(10, twice[9].clone());
    let (found, failed) = items(begin(), in_pages(&twice, 10));
    assert!(is_prefix(&found) && failed.unwrap().contains("that the run did not write"));
}
