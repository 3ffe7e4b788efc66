use std::collections::BTreeMap;

use convert::planner::PlanPoint;
use dump::ScanPoint;
use kvbuffer::Sequence;
use source::Identity;

use super::*;
use crate::load::checkpoint::VERSION;

fn checkpoint(next: u64) -> Checkpoint {
    Checkpoint {
        version: VERSION,
        complete: false,
        lsn: None,
        first: Sequence::FIRST,
        next: Sequence::new(next).unwrap(),
        table: None,
        rejected: 0,
        reject_bytes: 0,
        holes: 0,
        pieces: 0,
        output_bytes: None,
        source_name: "x".to_owned(),
        source: Identity::Pipe { hashed: 0, hash: String::new() },
        config: BTreeMap::new(),
        scan: ScanPoint::default(),
        plan: PlanPoint::default(),
        read: None,
        entry: None,
    }
}

fn ledger() -> Ledger {
    Ledger::new(&Point::default())
}

fn point(ledger: &Ledger, after: After) -> (Option<u64>, Vec<(u64, u64)>) {
    let point = ledger.point(after, &ledger.tally);
    (
        point.checkpoint.map(|checkpoint| checkpoint.next.get()),
        point.ahead.iter().map(|&(first, end, _)| (first, end)).collect(),
    )
}

#[test]
fn the_point_moves_when_all_before_it_is_done() {
    let mut ledger = ledger();
    let ids: Vec<_> = [(1, 3), (3, 4), (4, 6), (6, 7)]
        .map(|numbers| ledger.add(Some((numbers.0, numbers.1, 7)), checkpoint(numbers.1)))
        .into();
    assert_eq!(point(&ledger, After::Entry(ids[1])), (None, vec![(3, 4)]));
    ledger.done(After::Entry(ids[1]));
    assert!(ledger.durable().is_none());
    assert_eq!(point(&ledger, After::Entry(ids[3])), (None, vec![(3, 4), (6, 7)]));
    ledger.done(After::Entry(ids[3]));
    assert_eq!(point(&ledger, After::Entry(ids[0])), (Some(4), vec![(6, 7)]));
    ledger.done(After::Entry(ids[0]));
    let told: Vec<_> = std::iter::from_fn(|| ledger.durable()).map(|told| told.next.get()).collect();
    assert_eq!(told, [3, 4]);
    assert_eq!(point(&ledger, After::Entry(ids[2])), (Some(7), vec![]));
    ledger.done(After::Entry(ids[2]));
    assert_eq!(std::iter::from_fn(|| ledger.durable()).count(), 2);
    assert!(ledger.is_idle());
}

#[test]
fn what_an_earlier_call_has_done_is_kept_until_the_point_passes_it() {
    let earlier =
        Point { checkpoint: Some(checkpoint(5)), ahead: vec![(6, 8, 1), (9, 10, 2)], ..Point::default() };
    let mut ledger = Ledger::new(&earlier);
    let done: Vec<_> = (4..12).filter(|number| ledger.earlier(*number).is_some()).collect();
    assert_eq!(done, [6, 7, 9]);
    // One slab is done anew, the next ones are passed, then one that is not done, then one that is.
    let first = ledger.add(Some((5, 6, 3)), checkpoint(8));
    let second = ledger.add(Some((8, 9, 4)), checkpoint(10));
    assert_eq!(point(&ledger, After::Entry(second)), (Some(5), vec![(6, 8), (8, 9), (9, 10)]));
    ledger.done(After::Entry(first));
    assert_eq!(point(&ledger, After::Entry(second)), (Some(10), vec![]));
}

#[test]
fn nothing_to_do_is_passed_and_leaves_no_trace() {
    let mut ledger = ledger();
    let id = ledger.add(Some((1, 2, 5)), checkpoint(2));
    for next in 2..100 {
        ledger.pass(checkpoint(next));
    }
    assert_eq!(ledger.entries.len(), 2);
    assert_eq!(point(&ledger, After::Entry(id)), (Some(99), vec![]));
}

#[test]
fn what_is_skipped_is_in_the_point() {
    let mut ledger = ledger();
    let id = ledger.add(Some((1, 2, 5)), checkpoint(2));
    let tally = Tally { rows: 3, reject_bytes: 70, entries: 1, block: Some(8) };
    let point = ledger.point(After::Entry(id), &tally);
    let after = point.checkpoint.clone().unwrap();
    assert_eq!((after.rejected, after.reject_bytes, point.skipped, point.skipped_block), (3, 70, 1, Some(8)));
    assert_eq!(Point::parse(&point.text()).unwrap(), point);
    ledger.tally = tally;
    ledger.done(After::Entry(id));
    assert_eq!(ledger.durable().unwrap().rejected, 3);
    // The next call begins with the rows in its checkpoint, and with the others here.
    let next = Ledger::new(&point);
    assert_eq!((next.tally.rows, next.errors(After::Statements(0))), (0, 4));
}

#[test]
fn statements_of_one_are_counted() {
    let ledger = Ledger::new(&Point { checkpoint: Some(checkpoint(5)), ..Point::default() });
    let point = ledger.point(After::Statements(2), &ledger.tally);
    assert_eq!((point.checkpoint.map(|point| point.next.get()), point.statements), (Some(5), 2));
}

/// What a call does not see from its beginning cannot be compared; everything else is.
#[test]
fn a_span_agrees_as_far_as_it_was_seen() {
    let add = |number: u64| move |before: u64| before * 10 + number;
    let span = (3, 6, 345);
    let pass = |numbers: &[u64]| {
        let mut passed = PassedSpan::default();
        numbers.iter().all(|number| passed.agrees(span, *number, add(*number)))
    };
    assert!(pass(&[3, 4, 5]));
    assert!(pass(&[4, 5]));
    assert!(pass(&[5]));
    assert!(!(PassedSpan::default().agrees((3, 4, 9), 3, add(3))));
    let mut passed = PassedSpan::default();
    assert!(
        passed.agrees(span, 3, add(3)) && passed.agrees(span, 4, add(7)) && !passed.agrees(span, 5, add(5))
    );
    // The next span begins anew.
    assert!(passed.agrees((6, 7, 6), 6, add(6)));
}
