//! The scanner gives the same events for any cutting of the bytes, and from any point on.

#![no_main]

use dump::{Event, ScanPoint, Scanner};
use libfuzzer_sys::fuzz_target;

/// Each event's text, with the rows of one block put together, and the points between the events.
fn read(mut scanner: Scanner, dump: &[u8], step: usize) -> (Vec<String>, Vec<(usize, ScanPoint)>) {
    let mut rest = &dump[(scanner.point().offset as usize).min(dump.len())..];
    let (mut texts, mut points): (Vec<String>, Vec<(usize, ScanPoint)>) = (Vec::new(), Vec::new());
    let mut in_rows = false;
    loop {
        match scanner.next_event() {
            Ok(Some(Event::Rows(slab))) => {
                let rows = String::from_utf8_lossy(slab.bytes()).into_owned();
                match texts.last_mut() {
                    Some(last) if in_rows => last.push_str(&rows),
                    _ => texts.push(rows),
                }
                in_rows = true;
            }
            Ok(Some(event)) => {
                in_rows = false;
                let end = matches!(event, Event::End);
                texts.push(format!("{event:?}"));
                points.push((texts.len(), scanner.point()));
                if end {
                    return (texts, points);
                }
            }
            Ok(None) if rest.is_empty() => scanner.finish(),
            Ok(None) => {
                let count = step.min(rest.len());
                scanner.push(&rest[..count]);
                rest = &rest[count..];
            }
            Err(error) => {
                texts.push(error.to_string());
                return (texts, points);
            }
        }
    }
}

fuzz_target!(|input: (&[u8], u8, u8)| {
    let (dump, step, point) = input;
    let (texts, points) = read(Scanner::new(), dump, usize::MAX);
    assert_eq!(read(Scanner::new(), dump, usize::from(step) + 1).0, texts);
    let Some((seen, point)) = points.get(usize::from(point) % points.len().max(1)) else { return };
    if *seen == texts.len() {
        return;
    }
    let resumed = Scanner::resume(point).expect("a point that the scanner gave");
    assert_eq!(read(resumed, dump, usize::from(step) + 1).0, texts[*seen..]);
});
