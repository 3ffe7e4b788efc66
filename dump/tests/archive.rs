//! Archives that are made here, byte by byte: whatever they hold, they give a text or an error with its place.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};

use dump::archive::{Bytes, Choice, Data, Folder, Format, Forward, Script};
use proptest::prelude::*;

/// An archive to be written.
#[derive(Clone)]
struct Archive {
    minor: u8,
    format: u8,
    compression: u8,
    entries: Vec<Entry>,
}

#[derive(Clone, Default)]
struct Entry {
    id: i32,
    kind: &'static str,
    tag: &'static str,
    section: i32,
    definition: &'static str,
    drop: &'static str,
    copy: &'static str,
    schema: Option<&'static str>,
    tablespace: Option<&'static str>,
    method: Option<&'static str>,
    relkind: i32,
    owner: &'static str,
    depends: Vec<&'static str>,
    data: Option<Vec<u8>>,
    objects: Vec<(u32, Vec<u8>)>,
}

const NONE: u8 = 0;
const ZLIB: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 3;

fn int(out: &mut Vec<u8>, value: i32) {
    out.push(u8::from(value < 0));
    out.extend(value.unsigned_abs().to_le_bytes());
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    int(out, value.map_or(-1, |value| value.len() as i32));
    out.extend(value.unwrap_or_default().as_bytes());
}

impl Archive {
    fn head(&self) -> Vec<u8> {
        let mut out = b"PGDMP\x01".to_vec();
        out.extend([self.minor, 0, 4, 8, self.format]);
        if self.minor >= 15 {
            out.push(self.compression);
        } else {
            int(&mut out, if self.compression == ZLIB { -1 } else { 0 });
        }
        for part in [1, 2, 3, 4, 5, 126, 0] {
            int(&mut out, part);
        }
        for part in ["shop", "15.1", if self.minor >= 16 { "17.6" } else { "15.1" }] {
            text(&mut out, Some(part));
        }
        out
    }

    fn contents(&self) -> Vec<u8> {
        let mut out = self.head();
        int(&mut out, self.entries.len() as i32);
        for entry in &self.entries {
            let has_data = entry.data.is_some() || !entry.objects.is_empty();
            int(&mut out, entry.id);
            int(&mut out, i32::from(has_data));
            for part in ["1259", "16384", entry.tag, entry.kind] {
                text(&mut out, Some(part));
            }
            int(&mut out, entry.section);
            for part in [entry.definition, entry.drop, entry.copy] {
                text(&mut out, Some(part));
            }
            text(&mut out, entry.schema);
            text(&mut out, entry.tablespace);
            if self.minor >= 14 {
                text(&mut out, entry.method);
            }
            if self.minor >= 16 {
                int(&mut out, entry.relkind);
            }
            text(&mut out, Some(entry.owner));
            text(&mut out, Some("false"));
            for id in &entry.depends {
                text(&mut out, Some(id));
            }
            text(&mut out, None);
            if self.format == 1 {
                out.push(if has_data { 1 } else { 3 });
                out.extend([0; 8]);
            } else {
                let file =
                    if entry.kind == "BLOBS" { "blobs.toc".into() } else { format!("{}.dat", entry.id) };
                text(&mut out, has_data.then_some(&file));
            }
        }
        out
    }

    fn chunks(&self, out: &mut Vec<u8>, data: &[u8]) {
        for chunk in pack(self.compression, data).chunks(7) {
            int(out, chunk.len() as i32);
            out.extend(chunk);
        }
        int(out, 0);
    }

    fn custom(&self) -> Vec<u8> {
        let mut out = self.contents();
        for entry in &self.entries {
            if let Some(data) = &entry.data {
                out.push(1);
                int(&mut out, entry.id);
                self.chunks(&mut out, data);
            }
            if !entry.objects.is_empty() {
                out.push(3);
                int(&mut out, entry.id);
                for (oid, data) in &entry.objects {
                    int(&mut out, oid.cast_signed());
                    self.chunks(&mut out, data);
                }
                int(&mut out, 0);
            }
        }
        out
    }

    /// The files of a directory, which are the members of a tar file too.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![("toc.dat".to_owned(), self.contents())];
        for entry in &self.entries {
            if let Some(data) = &entry.data {
                files.push((format!("{}.dat", entry.id), data.clone()));
            }
            let mut list = String::new();
            for (oid, data) in &entry.objects {
                files.push((format!("blob_{oid}.dat"), data.clone()));
                list += &format!("{oid} blob_{oid}.dat\n");
            }
            if !list.is_empty() {
                files.push(("blobs.toc".to_owned(), list.into_bytes()));
            }
        }
        files
    }

    fn tar(&self) -> Vec<u8> {
        let mut files = self.files();
        files.push(("restore.sql".to_owned(), b"-- of no use\n".to_vec()));
        let mut out = Vec::new();
        for (name, data) in files {
            let mut block = [0; 512];
            block[..name.len()].copy_from_slice(name.as_bytes());
            block[124..136].copy_from_slice(format!("{:011o} ", data.len()).as_bytes());
            block[156] = b'0';
            block[257..262].copy_from_slice(b"ustar");
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            out.extend(block);
            out.extend(&data);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    fn directory(&self) -> Files {
        Files(self.files().into_iter().collect())
    }
}

fn pack(compression: u8, data: &[u8]) -> Vec<u8> {
    match compression {
        ZLIB => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        LZ4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        ZSTD => zstd::encode_all(data, 1).unwrap(),
        _ => data.to_vec(),
    }
}

struct Files(BTreeMap<String, Vec<u8>>);

impl Folder for Files {
    fn open(&mut self, name: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        assert!(!name.contains('/') && !name.contains(".."), "asked for {name}");
        let bytes = self.0.get(name).cloned();
        Ok(bytes.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn pass(&mut self, names: &[String]) {
        assert!(names.iter().any(|name| self.0.contains_key(name)), "passed over {names:?}");
    }
}

fn stream(bytes: &[u8]) -> Box<dyn Bytes> {
    Box::new(Forward(Box::new(Cursor::new(bytes.to_vec()))))
}

fn read(script: io::Result<Script>) -> Result<String, String> {
    let mut text = String::new();
    // Small archives give small texts, whatever is changed in them.
    let read = script.and_then(|script| script.take(64 << 20).read_to_string(&mut text));
    read.map(|_| text).map_err(|error| error.to_string())
}

fn custom(bytes: &[u8]) -> Result<String, String> {
    read(Script::read_from(Format::Custom, stream(bytes), &Choice::default()))
}

fn tar(bytes: &[u8]) -> Result<String, String> {
    read(Script::read_from(Format::Tar, stream(bytes), &Choice::default()))
}

fn directory(files: Files) -> Result<String, String> {
    read(Script::of_directory(Box::new(files), &Choice::default()))
}

/// A bit of everything.
fn shop(minor: u8, compression: u8) -> Archive {
    let setting =
        |id, kind, definition| Entry { id, kind, tag: kind, section: 2, definition, ..Entry::default() };
    let mut entries = vec![
        setting(1, "ENCODING", "SET client_encoding = 'UTF8';\n"),
        setting(2, "STDSTRINGS", "SET standard_conforming_strings = 'on';\n"),
    ];
    if minor >= 13 {
        entries.push(setting(3, "SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);\n"));
    }
    entries.extend([
        Entry {
            id: 4,
            kind: "DATABASE",
            tag: "shop",
            section: 2,
            definition: "CREATE DATABASE shop;\n",
            ..Entry::default()
        },
        Entry {
            id: 10,
            kind: "EVENT TRIGGER",
            tag: "watch",
            section: 4,
            definition: "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.f();\n",
            drop: "DROP EVENT TRIGGER watch;\n",
            owner: "order",
            ..Entry::default()
        },
        Entry {
            id: 11,
            kind: "ACL",
            tag: "TABLE t",
            section: 1,
            schema: Some("public"),
            definition: "GRANT SELECT ON TABLE public.t TO bob;\n",
            owner: "bob",
            ..Entry::default()
        },
        Entry {
            id: 12,
            kind: "TABLE",
            tag: "t\nwith a line end",
            section: 2,
            schema: Some("public"),
            tablespace: Some(""),
            method: Some("heap"),
            definition: "CREATE TABLE public.t (\n    a integer\n);\n",
            drop: "DROP TABLE public.t;\n",
            owner: "Bob",
            ..Entry::default()
        },
        Entry {
            id: 13,
            kind: "FUNCTION",
            tag: "f(integer)",
            section: 2,
            schema: Some("public"),
            definition: "CREATE FUNCTION public.f(integer) …;\n",
            drop: "DROP FUNCTION public.f(integer);\n",
            owner: "bob",
            ..Entry::default()
        },
        Entry {
            id: 14,
            kind: "TABLE DATA",
            tag: "t",
            section: 3,
            schema: Some("public"),
            copy: "COPY public.t (a) FROM stdin;\n",
            owner: "bob",
            data: Some(b"1\n2\n\\.\n\n\n".to_vec()),
            ..Entry::default()
        },
        Entry {
            id: 15,
            kind: "BLOBS",
            tag: "BLOBS",
            section: 3,
            objects: vec![(3_000_000_000, b"\0\xffabc".to_vec()), (2, vec![])],
            ..Entry::default()
        },
    ]);
    Archive { minor, format: 1, compression, entries }
}

const SHOP: &str = r#"--
-- PostgreSQL database dump
--

-- Dumped from database version 15.1
-- Dumped by pg_dump version 15.1

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: t with a line end; Type: TABLE; Schema: public; Owner: Bob
--

CREATE TABLE public.t (
    a integer
);


ALTER TABLE public."t
with a line end" OWNER TO "Bob";

--
-- Name: f(integer); Type: FUNCTION; Schema: public; Owner: bob
--

CREATE FUNCTION public.f(integer) …;


ALTER FUNCTION public.f(integer) OWNER TO bob;

--
-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: bob
--

COPY public.t (a) FROM stdin;
1
2
\.


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: 
--

BEGIN;

SELECT pg_catalog.lo_open('3000000000', 131072);
SELECT pg_catalog.lowrite(0, '\x00ff616263');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('2', 131072);
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- Name: TABLE t; Type: ACL; Schema: public; Owner: bob
--

GRANT SELECT ON TABLE public.t TO bob;


--
-- Name: watch; Type: EVENT TRIGGER; Schema: -; Owner: order
--

CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.f();


ALTER EVENT TRIGGER watch OWNER TO "order";

--
-- PostgreSQL database dump complete
--

"#;

#[test]
fn the_text_of_an_archive() {
    for (minor, compression) in [(14, NONE), (14, ZLIB), (15, NONE), (15, ZLIB), (15, LZ4), (15, ZSTD)] {
        let archive = shop(minor, compression);
        assert_eq!(custom(&archive.custom()).unwrap(), SHOP, "1.{minor}, {compression}");
        let files = Archive { format: 3, ..archive };
        assert_eq!(tar(&files.tar()).unwrap(), SHOP);
        assert_eq!(directory(files.directory()).unwrap(), SHOP);
    }
}

/// The archive in each format, with a choice.
fn scripts(choice: &Choice) -> [Script; 3] {
    let files = Archive { format: 3, ..shop(15, NONE) };
    [
        Script::read_from(Format::Custom, stream(&shop(15, ZLIB).custom()), choice),
        Script::read_from(Format::Tar, stream(&files.tar()), choice),
        Script::of_directory(Box::new(files.directory()), choice),
    ]
    .map(Result::unwrap)
}

#[test]
fn the_text_from_the_place_of_an_entry_on() {
    let mut places = Vec::new();
    for mut script in scripts(&Choice::default()) {
        let found = script.starts();
        script.read_to_string(&mut String::new()).unwrap();
        places.push((0..SHOP.len() as u64).filter_map(|offset| found.before(offset)).collect::<Vec<_>>());
    }
    assert!(places.iter().all(|found| *found == places[0]));
    places[0].dedup();
    let entries: Vec<_> = places[0].iter().map(|place| place.id).collect();
    assert_eq!(entries, [12, 13, 14, 15, 11, 10]);
    for place in &places[0] {
        for mut script in scripts(&Choice::default()) {
            script.go_to(place).unwrap();
            let found = script.starts();
            assert_eq!(read(Ok(script)).unwrap(), SHOP[place.offset as usize..], "{place:?}");
            assert_eq!(found.before(place.offset).as_ref(), Some(place));
        }
    }
    for mut script in scripts(&Choice::default()) {
        let gone = dump::archive::EntryStart { id: 99, offset: 7 };
        assert!(script.go_to(&gone).unwrap_err().to_string().contains("has no entry 99"));
    }
}

#[test]
fn data_that_are_left_out() {
    let begin = SHOP.find("BEGIN;").unwrap();
    let end = SHOP.find("COMMIT;\n\n").unwrap() + "COMMIT;\n\n".len();
    let without_rows = SHOP.replace("1\n2\n\\.", "\\.");
    let without_objects = format!("{}{}", &SHOP[..begin], &SHOP[end..]);
    for script in scripts(&Choice::default().with_data(|data| *data == Data::Objects)) {
        assert_eq!(read(Ok(script)).unwrap(), without_rows);
    }
    let table = |data: &Data| matches!(data, Data::Rows(name) if name.to_string() == "public.t");
    for script in scripts(&Choice::default().with_data(table)) {
        assert_eq!(read(Ok(script)).unwrap(), without_objects);
    }
}

#[test]
fn entries_of_a_list() {
    let text = "CREATE TABLE public.t (\n    a integer\n);\n";
    for script in scripts(&Choice::default().with_list([11, 15, 12].into())) {
        let text_of_list = read(Ok(script)).unwrap();
        let places = ["BEGIN;", text, "GRANT SELECT"].map(|part| text_of_list.find(part).unwrap());
        assert!(places.is_sorted(), "{text_of_list}");
        assert!(!text_of_list.contains("COPY") && !text_of_list.contains("CREATE FUNCTION"));
    }
    // The objects before the rows: only what can jump can do that.
    for (index, script) in scripts(&Choice::default().with_list([15, 14].into())).into_iter().enumerate() {
        let text = read(Ok(script));
        assert_eq!(text.is_ok(), index == 2, "{text:?}");
        if let Err(error) = text {
            assert!(error.contains("in another order than that of the archive"), "{error}");
        }
    }
    let lines = scripts(&Choice::default()).map(|script| String::from_utf8(script.list()).unwrap());
    for (line, format) in lines.iter().zip(["custom", "tar", "directory"]) {
        assert!(
            line.contains(&format!(";     Format: {format}\n"))
                && line.contains("created at 2026-06-04 03:02:01")
        );
        assert!(line.contains("\n12; 1259 16384 TABLE public t with a line end Bob\n"), "{line}");
        assert!(!line.contains(" DATABASE ") && !line.contains(" ENCODING "), "{line}");
    }
}

#[test]
fn what_older_and_newer_versions_write() {
    let without_method = SHOP.replace("SET default_table_access_method = heap;\n\n", "");
    assert_eq!(custom(&shop(13, ZLIB).custom()).unwrap(), without_method);
    let old = custom(&shop(12, ZLIB).custom()).unwrap();
    assert!(
        !old.contains("set_config") && old.matches("SET search_path = public, pg_catalog;\n\n").count() == 2
    );
    assert!(old.contains("\n\nSET search_path = pg_catalog;\n\nBEGIN;\n\n"));
    let new = custom(&shop(16, ZSTD).custom()).unwrap();
    assert!(new.contains("SET transaction_timeout = 0;\n"));

    let mut partitioned = shop(16, NONE);
    let table = partitioned.entries.iter_mut().find(|entry| entry.kind == "TABLE").unwrap();
    (table.relkind, table.tag) = (i32::from(b'p'), "t");
    let new = custom(&partitioned.custom()).unwrap();
    assert!(new.contains("OWNER TO \"Bob\";\n\nALTER TABLE public.t SET ACCESS METHOD heap;\n\n"));
    assert!(!new.contains("SET default_table_access_method"));
}

#[test]
fn large_objects_that_share_an_entry() {
    let mut archive = shop(16, NONE);
    archive.entries.extend([
        Entry {
            id: 20,
            kind: "BLOB METADATA",
            tag: "7..8",
            section: 2,
            definition: "7\n8\n",
            drop: "SELECT lo_unlink(7);\n",
            owner: "bob",
            ..Entry::default()
        },
        Entry {
            id: 21,
            kind: "ACL",
            tag: "LARGE OBJECTS 7..8",
            section: 2,
            definition: "REVOKE ALL ON LARGE OBJECT 7 FROM \"LARGE OBJECT 1;\";\nGRANT ALL ON LARGE OBJECT 7 TO bob;\n",
            owner: "bob",
            depends: vec!["20"],
            ..Entry::default()
        },
    ]);
    let text = custom(&archive.custom()).unwrap();
    let made = "SELECT pg_catalog.lo_create('7');\nSELECT pg_catalog.lo_create('8');\n\nALTER LARGE OBJECT 7 OWNER TO bob;\nALTER LARGE OBJECT 8 OWNER TO bob;\n\n";
    assert!(text.contains(made), "{text}");
    let granted = "REVOKE ALL ON LARGE OBJECT 7 FROM \"LARGE OBJECT 1;\";\nREVOKE ALL ON LARGE OBJECT 8 FROM \"LARGE OBJECT 1;\";\n\nGRANT ALL ON LARGE OBJECT 7 TO bob;\nGRANT ALL ON LARGE OBJECT 8 TO bob;\n\n";
    assert!(text.contains(granted), "{text}");

    archive.entries.last_mut().unwrap().depends = vec!["99"];
    assert!(custom(&archive.custom()).unwrap_err().contains("does not name its large objects"));
}

#[test]
fn cut_off_at_any_byte() {
    for compression in [NONE, ZLIB, LZ4, ZSTD] {
        let bytes = shop(15, compression).custom();
        for cut in 0..bytes.len() {
            let error = custom(&bytes[..cut]).unwrap_err();
            assert!(
                error.contains("archive") && !error.contains("out of turn"),
                "{compression} at {cut}: {error}"
            );
        }
        let more = [bytes.as_slice(), b"\0"].concat();
        assert!(custom(&more).unwrap_err().contains("more bytes follow"));
    }
    let bytes = Archive { format: 3, ..shop(15, NONE) }.tar();
    // The last block is the second of those that end a tar file.
    for cut in 0..bytes.len() - 1024 {
        let error = tar(&bytes[..cut]).unwrap_err();
        assert!(error.contains("archive") && !error.contains("out of turn"), "at {cut}: {error}");
    }
}

/// An uncompressed custom archive has a chunk for each row.
#[test]
fn rows_before_the_damage_come_first() {
    let mut archive = shop(15, NONE);
    let data = archive.entries.iter_mut().find_map(|entry| entry.data.as_mut()).unwrap();
    *data = [b"a row\n".repeat(1000), b"\\.\n\n\n".to_vec()].concat();
    let mut bytes = archive.custom();
    let damaged = bytes.len() - 2000;
    bytes[damaged..].fill(0xff);
    let mut script = Script::read_from(Format::Custom, stream(&bytes), &Choice::default()).unwrap();
    let (mut text, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
    let error = loop {
        match script.read(&mut buffer) {
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("the archive is damaged at byte"), "{error}");
    let rows = String::from_utf8_lossy(&text).matches("a row").count();
    assert!((500..1000).contains(&rows), "{rows} rows came");
}

#[test]
fn any_byte_may_be_another() {
    for compression in [NONE, ZLIB, LZ4, ZSTD] {
        let bytes = shop(15, compression).custom();
        for place in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                let _ = custom(&changed);
            }
        }
    }
    let bytes = Archive { format: 3, ..shop(16, NONE) }.tar();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let _ = tar(&changed);
    }
}

#[test]
fn hostile_numbers_take_no_memory() {
    let archive = shop(15, NONE);
    let head = archive.head();
    for value in [i32::MAX, 1 << 30, -2, i32::MIN] {
        let mut count = head.clone();
        int(&mut count, value);
        custom(&count).unwrap_err();
        let mut length = head.clone();
        for part in [1, 1, 0, value] {
            int(&mut length, part);
        }
        custom(&length).unwrap_err();
    }
}

#[test]
fn files_elsewhere_are_not_opened() {
    for name in ["../14.dat", "/etc/passwd", "..", "a/b"] {
        let mut bytes = Archive { format: 3, ..shop(15, NONE) }.contents();
        let place = bytes.windows(6).position(|part| part == b"14.dat").unwrap();
        let mut length = Vec::new();
        text(&mut length, Some(name));
        bytes.splice(place - 5..place + 6, length);
        let files = Files([("toc.dat".to_owned(), bytes)].into());
        assert!(directory(files).unwrap_err().contains("a name that pg_dump does not give"), "{name}");
    }
    let mut files = Archive { format: 3, ..shop(15, NONE) }.directory();
    files.0.insert("blobs.toc".to_owned(), b"2 ../../etc/passwd\n".to_vec());
    assert!(directory(files).unwrap_err().contains("none of pg_dump's"));
}

#[test]
fn data_that_are_not_there() {
    let mut files = Archive { format: 3, ..shop(15, NONE) }.directory();
    let data = files.0.remove("14.dat").unwrap();
    let error = directory(files).unwrap_err();
    assert!(error.contains("no data of TABLE DATA public.t (entry 14): there is no file 14.dat"), "{error}");
    let mut files = Archive { format: 3, ..shop(15, NONE) }.directory();
    files.0.insert("14.dat".to_owned(), data[..data.len() - 1].to_vec());
    assert!(directory(files).unwrap_err().contains("they end after 8 bytes"));

    let mut archive = shop(15, NONE);
    let table = archive.entries.iter_mut().find(|entry| entry.kind == "TABLE DATA").unwrap();
    table.data = Some(b"1\n2\n".to_vec());
    assert!(custom(&archive.custom()).unwrap_err().contains("they end after 4 bytes"));
    let mut twice = shop(15, NONE);
    twice.entries[3].id = 1;
    assert!(custom(&twice.custom()).unwrap_err().contains("two entries have the number 1"));
}

#[test]
fn versions_that_are_not_known() {
    for (minor, says) in [(11, "version 1.11"), (17, "version 1.17")] {
        assert!(custom(&shop(minor, NONE).custom()).unwrap_err().contains(says));
    }
    let contents = Archive { format: 3, ..shop(15, NONE) }.contents();
    assert!(custom(&contents).unwrap_err().contains("give the directory or the tar file"));
}

/// A reader that gives few bytes at a time, and is interrupted by signals.
struct Slow(Cursor<Vec<u8>>, usize, bool);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.2 = !self.2;
        if self.2 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = self.1.min(buffer.len());
        self.0.read(&mut buffer[..most])
    }
}

proptest! {
    #[test]
    fn the_same_text_for_any_cutting(step in 1..50usize, most in 1..50usize, compression in 0..4u8) {
        let bytes = shop(15, compression).custom();
        let reader = Slow(Cursor::new(bytes), step, false);
        let bytes = Box::new(Forward(Box::new(reader)));
        let mut script = Script::read_from(Format::Custom, bytes, &Choice::default()).unwrap();
        let (mut text, mut buffer) = (Vec::new(), vec![0; most]);
        loop {
            match script.read(&mut buffer).unwrap() {
                0 => break,
                count => text.extend_from_slice(&buffer[..count]),
            }
        }
        prop_assert_eq!(String::from_utf8(text).unwrap(), SHOP);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let archive = shop(16, NONE);
        for head in [archive.head(), archive.contents(), b"PGDMP".to_vec(), Vec::new()] {
            let whole = [head, bytes.clone()].concat();
            let _ = custom(&whole);
            let _ = tar(&whole);
            let _ = directory(Files([("toc.dat".to_owned(), whole)].into()));
        }
    }
}
