//! Dumps that are cut off, damaged or of another kind: each is refused by name and place.

use pg_bootstrap_tests::binary::{Finished, Runner, pg_bootstrap_sync};
use pg_bootstrap_tests::fixtures::Packing;
use pg_bootstrap_tests::resp::Reply;
use pg_bootstrap_tests::servers::RedisServer;
use pg_bootstrap_tests::zset::{self, Snapshot};

use crate::harness::{
    CELL, COPY, Input, LIMIT, changes, dump, dump_of, expect, runner, snapshot, undisturbed,
};

use super::MANY;

struct Bench {
    redis: RedisServer,
    whole: Vec<u8>,
    expected: Snapshot,
}

impl Bench {
    fn new(rows: usize) -> Self {
        let whole = dump(rows);
        Self { redis: RedisServer::start(), expected: undisturbed(&whole), whole }
    }

    /// Loads broken bytes, which fail with `code` and these words; then the whole dump in their place.
    #[track_caller]
    fn refuses(&self, broken: &[u8], code: i32, said: &[&str]) -> Finished {
        let input = Input::of(broken);
        let name = input.file.display().to_string();
        let finished = expect(runner(&self.redis, &input.file).run(LIMIT), code, said);
        assert!(finished.stderr.contains(&name), "names no file:\n{}", finished.stderr);
        let left = snapshot(&self.redis);
        assert!(left.count <= self.expected.count, "{left:?}");

        std::fs::write(&input.file, &self.whole).unwrap();
        runner(&self.redis, &input.file).arg("--restart").run(LIMIT).expect_code(0);
        assert_eq!(snapshot(&self.redis), self.expected);
        self.redis.cli(&["FLUSHALL"]);
        finished
    }
}

/// A dry load with so many MiB of address space.
fn dry_load_within(mib: u64, input: &Input) -> Finished {
    let runner = Runner::of("prlimit".as_ref()).arg(format!("--as={}", mib << 20)).arg(pg_bootstrap_sync());
    let args = ["load", "--dry-run", "--workers", "1", "--progress", "never"];
    runner.args(args).arg(&input.file).run(LIMIT)
}

/// What would be killed or aborted without a word is refused, and where the memory suffices the row is loaded.
#[test]
fn a_row_for_which_there_is_too_little_memory() {
    let mut script =
        b"CREATE TABLE public.t (id integer, v text);\nCOPY public.t (id, v) FROM stdin;\n1\t".to_vec();
    script.resize(script.len() + (400 << 20), b'x');
    script.extend_from_slice(b"\n\\.\n");
    let input = Input::of(&script);
    let limited = |mib| dry_load_within(mib, &input);
    expect(limited(700), 3, &["a row or statement of more than", "MiB at byte 77", "raise it"]);
    expect(limited(4000), 0, &[]);
}

/// What is known of tables is refused before the memory is used up, where the rows come after all of them.
#[test]
fn more_tables_than_the_memory_holds() {
    let columns: Vec<_> = (0..60).map(|column| format!("a_column_with_a_name_{column} integer")).collect();
    let columns = columns.join(", ");
    let script: String =
        (0..20_000).map(|table| format!("CREATE TABLE public.t{table} ({columns});\n")).collect();
    let input = Input::of(script.as_bytes());
    // What the program takes before it knows a table depends on the machine, and below that it cannot start.
    let mut limits = (150..4000).step_by(50).map(|mib| dry_load_within(mib, &input));
    let started = limits.find(|finished| finished.code().is_some()).unwrap();
    expect(started, 3, &["the definitions of more than", "tables at byte", "raise it"]);
}

#[test]
fn a_dump_that_is_cut_off() {
    let bench = Bench::new(MANY);
    let whole = &bench.whole;
    let text = String::from_utf8(whole.clone()).unwrap();
    let inside_row =
        whole.len() - 400 - whole[whole.len() - 400..].iter().rev().position(|&b| b == b'\t').unwrap();
    let complete = text[..inside_row].lines().filter(|line| line.contains(CELL)).count();
    let rows = format!("after {} complete rows", complete - usize::from(!text[..inside_row].ends_with('\n')));
    bench.refuses(
        &whole[..inside_row],
        3,
        &["inside the data of public.items (COPY at byte", "line 15", &rows],
    );
    let at_row_end = text[..inside_row].rfind('\n').unwrap() + 1;
    bench.refuses(&whole[..at_row_end], 3, &["cut off", "inside the data of public.items"]);
    let in_closing_line = text.find("\n\\.\n").unwrap() + 2;
    bench.refuses(&whole[..in_closing_line], 3, &["cut off", &format!("after {MANY} complete rows")]);
    let in_statement = text.find("ADD CONSTRAINT").unwrap() + 7;
    let line = text[..in_statement].lines().count() - 1;
    bench.refuses(
        &whole[..in_statement],
        3,
        &["ends inside the statement that began at byte", &format!("line {line}")],
    );
    let between = text.find("\n--\n-- PostgreSQL database dump complete").unwrap() + 1;
    bench.refuses(
        &whole[..between],
        3,
        &["its closing line, `-- PostgreSQL database dump complete`, is missing"],
    );
    let in_closing = between + 20;
    bench.refuses(&whole[..in_closing], 3, &["closing line"]);
}

#[test]
fn a_compressed_stream_that_is_cut_off_or_damaged() {
    let bench = Bench::new(MANY);
    for (packing, name) in [
        (Packing::Gzip, "gzip"),
        (Packing::GzipMembers, "gzip"),
        (Packing::Zstd, "zstd"),
        (Packing::Lz4, "lz4"),
    ] {
        let packed = packing.pack(&bench.whole).unwrap();
        let said = format!("the {name} stream is cut off or damaged at byte");
        for cut in [packed.len() / 3, packed.len() * 3 / 4, packed.len() - 1] {
            bench.refuses(&packed[..cut], 3, &[&said]);
        }
        let mut flipped = packed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x10;
        let input = Input::of(&flipped);
        let finished = runner(&bench.redis, &input.file).run(LIMIT);
        // A flipped bit may show in a row before the checksum behind it is read. Only gzip has one always: the
        // others' text may still be a dump, of other rows.
        if matches!(packing, Packing::Gzip | Packing::GzipMembers) {
            expect(finished, 3, &[]);
        }
        bench.redis.cli(&["FLUSHALL"]);
        // Bytes behind the end are no dump either.
        bench.refuses(&[packed.as_slice(), b"garbage behind the end"].concat(), 3, &[&said]);
    }
}

#[test]
fn what_is_no_dump_is_named() {
    let bench = Bench::new(3);
    bench.refuses(b"", 3, &["the dump is empty"]);
    bench.refuses(b"\n\n-- nothing\n", 3, &["holds no statement"]);
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    bench.refuses(&noise, 3, &["binary data"]);
    let late_noise = [bench.whole.as_slice(), &noise].concat();
    bench.refuses(&late_noise, 3, &[]);
    bench.refuses(
        b"PGDMP\x01\x0e\0\x04\x08\x01and so on",
        3,
        &["archive is damaged at byte 12", "its header"],
    );
    bench.refuses(b"PGDMP\x01\x11\0\x04\x08\x01and so on", 3, &["version 1.17", "pg_restore --file=-"]);
    let mut tar = vec![0; 2048];
    tar[257..262].copy_from_slice(b"ustar");
    tar[..7].copy_from_slice(b"any.sql");
    bench.refuses(&tar, 3, &["tar file", "pg_dump --format=tar"]);
    tar[..7].copy_from_slice(b"toc.dat");
    bench.refuses(&tar, 3, &["archive is damaged at byte 512", "checksum"]);
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(bench.whole.iter().flat_map(|&byte| [byte, 0])).collect();
    bench.refuses(&utf16, 3, &["UTF-16", "--file"]);
    for (magic, name) in [
        (b"BZh91AY&SY".as_slice(), "bzip2"),
        (b"\xfd7zXZ\0\0\x04", "xz"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    ] {
        bench.refuses(&[magic, &noise].concat(), 3, &[&format!("compressed by {name}"), "pipe"]);
    }
    // The same behind a compression that is known.
    let packed = Packing::Gzip.pack(b"PGDMP\x01\x0e\0\x04\x08\x01and so on").unwrap();
    bench.refuses(&packed, 3, &["archive is damaged at byte 12"]);
}

#[test]
fn statements_that_cannot_be_loaded_are_named_with_their_place() {
    let bench = Bench::new(3);
    let insert = format!("INSERT INTO public.items VALUES (1, '{CELL}'), (currval('s'), '');\n");
    bench.refuses(&dump_of(insert.as_bytes()), 3, &["currval", "at byte 258, line 15"]);
    let csv = format!("COPY public.items (id, name) FROM stdin WITH (FORMAT csv);\n1,{CELL}\n\\.\n");
    bench.refuses(&dump_of(csv.as_bytes()), 3, &["COPY statement at byte 258, line 15", "text format"]);
    let euc = "SET client_encoding = 'EUC_JP';\n";
    bench.refuses(&dump_of(euc.as_bytes()), 3, &["EUC_JP", "--encoding=UTF8"]);
    bench.refuses(&dump_of(b"SET client_encoding = 'KLINGON';\n"), 3, &["KLINGON"]);
    bench.refuses(
        &dump_of(b"COMMENT ON TABLE public.items IS 'caf\xe9';\n"),
        3,
        &["statement at byte 258, line 15", "offset 295", "UTF8"],
    );
    let two = format!("\\connect one\n{COPY}1\t{CELL}\n\\.\n\\connect two\nSELECT 1;\n");
    bench.refuses(
        &dump_of(two.as_bytes()),
        3,
        &["second database", "at byte 258, line 15", "pg_dump", "nothing was loaded"],
    );
    for command in [
        "\\i rows.sql",
        "\\ir rows.sql",
        "\\include rows.sql",
        "\\copy public.items from 'x.csv'",
        "\\.",
        "\\if true",
        "\\gexec",
    ] {
        let name = command.split(' ').next().unwrap();
        bench.refuses(
            &dump_of(format!("{command}\n").as_bytes()),
            3,
            &[&format!("psql's {name} at byte 258, line 15")],
        );
    }
    bench.refuses(
        &dump_of(b"SET client_encoding TO DEFAULT;\n"),
        3,
        &["which one is the default is not in the dump"],
    );
    let unknown = "COPY public.unknown FROM stdin;\n1\n\\.\n";
    bench.refuses(
        &dump_of(unknown.as_bytes()),
        3,
        &["public.unknown at byte 258, line 15", "name no columns"],
    );
}

#[test]
fn rows_that_cannot_be_loaded_are_named_with_their_place() {
    let bench = Bench::new(200);
    let block = |row: &[u8]| {
        let good = format!("{COPY}1\t{CELL}\n");
        dump_of(&[good.as_bytes(), row, b"\n\\.\n"].concat())
    };
    let place = "row 2 of public.items, at byte 317, line 17";
    let place_of = |column: &str| format!("row 2 of public.items, column {column}, at byte 317, line 17");
    bench.refuses(&block(b"2"), 3, &[place, "1 fields", "2 columns", "--reject-file"]);
    bench.refuses(&block(b"2\ta\tb"), 3, &[place, "3 fields"]);
    bench.refuses(&block(b""), 3, &[place, "1 fields"]);
    bench.refuses(&block(b"2\tcaf\xe9"), 3, &[&place_of("name"), "not UTF8"]);
    bench.refuses(&block(b"\xff\tx"), 3, &[&place_of("id"), "not UTF8"]);
    // Near the start it says that this is no text at all.
    bench.refuses(&block(b"2\ta\0b"), 3, &["binary data"]);
    let far = format!("{}5\ta\0b", format!("2\t{CELL}\n").repeat(100));
    bench.refuses(&block(far.as_bytes()), 3, &["row 102 of public.items, column name", "NUL"]);
    bench.refuses(&block(b"2\ta\\000b"), 3, &[&place_of("name"), "NUL"]);
    bench.refuses(&block(b"2\tcaf\\351"), 3, &[&place_of("name"), "not UTF8"]);
    bench.refuses(&block(b"2\ta\rb"), 3, &[&place_of("name"), "carriage return"]);
    bench.refuses(&block(b"2\ta\\"), 3, &["row 2 of public.items"]);
    // One that would go in pieces.
    let large = format!("2\t{}", "x".repeat(40_000_000));
    bench.refuses(&block(format!("{large}\t").as_bytes()), 3, &[place, "3 fields"]);
    bench.refuses(&block(format!("{large}\\000").as_bytes()), 3, &[&place_of("name"), "NUL"]);
}

/// What a dump becomes on its way through Windows.
#[test]
fn line_ends_and_byte_order_marks() {
    let whole = dump(MANY);
    let rows = |members: &[Reply]| -> Vec<String> {
        let text = members.iter().map(|member| String::from_utf8(member.clone().bytes()).unwrap());
        text.filter(|text| text.contains("columnvalues")).collect()
    };
    let load = |bytes: &[u8]| {
        let (redis, input) = (RedisServer::start(), Input::of(bytes));
        runner(&redis, &input.file).run(LIMIT).expect_code(0);
        redis.client().command(&["ZRANGE", zset::KEY, "0", "-1"]).unwrap().array()
    };
    let plain = load(&whole);
    assert_eq!(plain.len() as u64, changes(MANY));
    assert_eq!(load(&[b"\xef\xbb\xbf", whole.as_slice()].concat()), plain);
    let crlf = String::from_utf8(whole).unwrap().replace('\n', "\r\n");
    assert_eq!(rows(&load(crlf.as_bytes())), rows(&plain));
    // Where only a part was converted, nothing is guessed.
    let mixed = crlf.replacen(&format!("{CELL} 700\r\n"), &format!("{CELL} 700\n"), 1);
    let (redis, input) = (RedisServer::start(), Input::of(mixed.as_bytes()));
    expect(runner(&redis, &input.file).run(LIMIT), 3, &["row 700 of public.items", "ends in another way"]);
}
