//! A text that is quoted as pg_dump does becomes the same change by INSERT as by COPY; rows are the same whatever pieces their
//! bytes arrive in, and from any point between slabs; and no bytes make the scanner or the conversion panic.

#![no_main]

use dump::{Event, ScanPoint, Scanner, SlabSize, TypeClass};
use kvbuffer::Sequence;
use libfuzzer_sys::fuzz_target;
use convert::render::{Block, TablePlan};
use convert::render::literals::Takes;
use convert::render::lines::Numbers;
use convert::render::members::Rendered;
use convert::render::rows;

/// So that a few rows make several slabs.
const SLABS: SlabSize = SlabSize { bytes: 64, rows: 3, border: u64::MAX };
const OFF: &str = "SET standard_conforming_strings = off;\n";

fn plan(columns: usize) -> TablePlan {
    TablePlan {
        columns: (0..columns).map(|column| format!("c{column}")).collect(),
        classes: vec![TypeClass::Text; columns],
        takes: vec![Takes::Anything; columns],
        ..TablePlan::bare("public.t")
    }
}

/// Slabs of rows, with what they become, and the points after them; everything else by its text.
fn read(mut scanner: Scanner, dump: &[u8], step: usize, plan: &TablePlan) -> (Vec<String>, Vec<(usize, ScanPoint)>) {
    let mut rest = &dump[(scanner.point().offset as usize).min(dump.len())..];
    let (mut seen, mut points, mut copy) = (Vec::new(), Vec::new(), Vec::new());
    let block = Block::plain(plan.clone());
    loop {
        match scanner.next_event() {
            Ok(Some(Event::Rows(slab))) => {
                let bytes = String::from_utf8_lossy(slab.bytes()).into_owned();
                let mut out = Rendered::default();
                if slab.insert.is_some() {
                    block.render(&slab, Numbers::plain(slab.rows), Sequence::FIRST, &mut copy, &mut out);
                    assert_eq!((out.members.len() + out.faults.len()) as u64, slab.rows);
                }
                let changes = String::from_utf8(out.bytes).expect("changes are UTF-8");
                seen.push(format!("{:?} {} {} {bytes} {changes}", slab.place, slab.first_row, slab.rows));
                points.push((seen.len(), scanner.point()));
            }
            Ok(Some(event)) => {
                let end = matches!(event, Event::End);
                seen.push(format!("{event:?}"));
                if end {
                    return (seen, points);
                }
                points.push((seen.len(), scanner.point()));
            }
            Ok(None) if rest.is_empty() => scanner.finish(),
            Ok(None) => {
                let count = step.min(rest.len());
                scanner.push(&rest[..count]);
                rest = &rest[count..];
            }
            Err(error) => {
                seen.push(error.to_string());
                return (seen, points);
            }
        }
    }
}

/// Whatever the pieces, and from a point in the middle, the rest is the same.
fn same_in_pieces(dump: &[u8], columns: usize, step: u8, point: u8) {
    let (plan, step) = (plan(columns), usize::from(step) + 1);
    let (seen, points) = read(Scanner::new().with_slabs(SLABS), dump, usize::MAX, &plan);
    assert_eq!(read(Scanner::new().with_slabs(SLABS), dump, step, &plan).0, seen);
    if let Some((before, point)) = points.get(usize::from(point) % points.len().max(1)) {
        let resumed = Scanner::resume(point).expect("a point that the scanner gave").with_slabs(SLABS);
        assert_eq!(read(resumed, dump, step, &plan).0, seen[*before..]);
    }
}

/// A value by what it is made of: `None` is no text.
fn literal(value: Option<&str>, kind: u8, standard: bool) -> String {
    let Some(text) = value else {
        let values = [
            "NULL",
            "DEFAULT",
            "true",
            "-1.5e-07",
            "B'0101'",
            "X'1fA'",
            "'\u{fc}'",
            "f(1)",
            "ARRAY[1, ')'] -- )\n",
            "$$)$$::x",
            "1, 2",
        ];
        return values[usize::from(kind) % values.len()].to_owned();
    };
    let quoted = text.replace('\'', "''");
    match (kind % 2 == 0, standard) {
        (true, true) => format!("'{quoted}'"),
        (true, false) => format!("'{}'", quoted.replace('\\', "\\\\")),
        (false, _) => format!("E'{}'", quoted.replace('\\', "\\\\")),
    }
}

fn of_inserts(dump: &[u8]) -> Vec<u8> {
    let mut scanner = Scanner::new();
    scanner.push(dump);
    scanner.finish();
    let (mut bytes, mut copy) = (Vec::new(), Vec::new());
    while let Ok(Some(event)) = scanner.next_event() {
        match event {
            Event::Rows(slab) => {
                if slab.insert.is_none() {
                    continue;
                }
                let mut more = Rendered::default();
                let block = Block::plain(plan(1));
                block.render(&slab, Numbers::plain(slab.rows), Sequence::FIRST, &mut copy, &mut more);
                bytes.extend(more.bytes);
            }
            Event::End => break,
            _ => {}
        }
    }
    bytes
}

/// Rows of columns, each a text or what has none.
type Rows = Vec<Vec<(Option<String>, u8)>>;

fuzz_target!(|input: (Vec<u8>, String, Rows, bool, (u8, u8, u8, u8))| {
    let (noise, text, rows, standard, (step, point, per, tail)) = input;
    same_in_pieces(&[b"INSERT INTO public.t VALUES (".as_slice(), &noise, b");\n"].concat(), 1, step, point);
    // What no dump begins with is another matter.
    let binary = |dump: &str| dump.as_bytes()[..dump.len().min(dump::detect::ENOUGH)].contains(&0);

    let mut dump = if standard { String::new() } else { OFF.to_owned() };
    let columns = rows.first().map_or(1, Vec::len).max(1);
    for statement in rows.chunks(usize::from(per % 5) + 1) {
        let tuple = |row: &Vec<(Option<String>, u8)>| {
            let values: Vec<_> = row.iter().map(|(value, kind)| literal(value.as_deref(), *kind, standard)).collect();
            format!("({})", values.join(", "))
        };
        let tuples: Vec<_> = statement.iter().map(tuple).collect();
        let ends = ["", "\n ON CONFLICT DO NOTHING", " /* ; */ on conflict do nothing ", " RETURNING a"];
        let end = ends[usize::from(tail % 4)];
        dump.push_str(&format!("INSERT INTO public.t VALUES\n\t{}{end};\n", tuples.join(",\n\t")));
    }
    same_in_pieces(dump.as_bytes(), columns, step, point);

    let insert = format!(
        "{}INSERT INTO public.t VALUES\n\t({}),\n\t(NULL);\n",
        if standard { "" } else { OFF },
        literal(Some(&text), per, standard)
    );
    if binary(&insert) {
        return;
    }
    let escaped = text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r");
    let mut copied = Rendered::default();
    rows::render(format!("{escaped}\n\\N\n").as_bytes(), false, &plan(1), Sequence::FIRST, &mut copied);
    assert_eq!(of_inserts(insert.as_bytes()), copied.bytes);
});
