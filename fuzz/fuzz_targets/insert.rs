//! A text that is quoted as pg_dump does becomes the same change by INSERT as by COPY; and no bytes make the scanner
//! or the conversion panic.

#![no_main]

use dump::{Encoding, Event, Scanner, TypeClass};
use kvbuffer::Sequence;
use libfuzzer_sys::fuzz_target;
use runner::render::TablePlan;
use runner::render::inserts;
use runner::render::rows::{self, Rendered};

fn plan() -> TablePlan {
    TablePlan {
        form: runner::cli::Rows::Single,
        alone: false,
        elements: Vec::new(),
        table: "public.t".to_owned(),
        columns: vec!["a".to_owned()],
        classes: vec![TypeClass::Text],
        generated: Vec::new(),
        encoding: Encoding::Utf8,
        ddl_time: "2000-01-01T00:00:00Z".into(),
        database: "".into(),
    }
}

fn of_inserts(dump: &[u8]) -> Rendered {
    let mut scanner = Scanner::new();
    scanner.push(dump);
    scanner.finish();
    let (mut out, mut copy) = (Rendered::default(), Vec::new());
    while let Ok(Some(event)) = scanner.next_event() {
        match event {
            Event::Rows(slab) => {
                let Some(shape) = slab.insert.clone() else { continue };
                let mut more = Rendered::default();
                inserts::render((slab.bytes(), slab.rows), &shape, &plan(), Sequence::FIRST, &mut copy, &mut more);
                assert_eq!((more.members.len() + more.faults.len()) as u64, slab.rows);
                out.bytes.extend(more.bytes);
            }
            Event::End => break,
            _ => {}
        }
    }
    out
}

fuzz_target!(|input: (Vec<u8>, String, bool)| {
    let (noise, text, escapes) = input;
    of_inserts(&[b"INSERT INTO public.t VALUES (".as_slice(), &noise, b");\n"].concat());

    let quoted = text.replace('\'', "''");
    let literal = if escapes { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") };
    let insert = format!("INSERT INTO public.t VALUES\n\t({literal}),\n\t(NULL);\n");
    if insert.as_bytes()[..insert.len().min(dump::detect::ENOUGH)].contains(&0) {
        return;
    }
    let escaped = text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r");
    let mut copied = Rendered::default();
    rows::render(format!("{escaped}\n\\N\n").as_bytes(), false, &plan(), Sequence::FIRST, &mut copied);
    assert_eq!(of_inserts(insert.as_bytes()).bytes, copied.bytes);
});
