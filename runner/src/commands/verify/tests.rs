use kvbuffer::{Entry, Score, Sequence};

use super::compare::Comparison;
use super::difference::What;
use super::page::Pages;

fn member(sequence: u64, value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(sequence) = Sequence::new(sequence) else { return out };
    kvbuffer::RowHead::new("public.t", &["a"], sequence).push(&mut out);
    kvbuffer::push_string(&mut out, value.as_bytes());
    out.extend_from_slice(kvbuffer::ROW_TAIL);
    out
}

fn entry(at: u64, member: Vec<u8>) -> Entry {
    Entry { score: Score::new(at as i64 - 1_000_000).unwrap(), member }
}

/// Compares members 1 to 5 (number 4 is a hole) with these entries, cut into reads of any size.
fn compare(entries: &[Entry], read: usize) -> (u64, Vec<(String, &'static str)>) {
    let mut pages = Pages::new(Sequence::FIRST);
    for sequence in [1, 2, 3, 5] {
        pages.push(Sequence::new(sequence).unwrap(), &member(sequence, "x"));
    }
    let page = pages.rest().unwrap();
    assert_eq!((page.from.get(), page.to.get(), pages.next_score().get()), (-999_999, -999_995, -999_994));
    let mut comparison = Comparison::new(9);
    let mut expected = page.members();
    for part in entries.chunks(read) {
        comparison.entries(&mut expected, part.to_vec());
    }
    comparison.rest(&mut expected);
    let what = |what: &What| match what {
        What::Missing { .. } => "missing",
        What::Altered => "altered",
        What::Foreign => "foreign",
    };
    let named = comparison.differences.iter().map(|(_, d)| (d.position.clone(), what(&d.what))).collect();
    let counted = comparison.missing + comparison.altered + comparison.foreign;
    assert_eq!(counted, comparison.differences.len() as u64);
    (comparison.equal, named)
}

#[test]
fn each_kind_of_difference() {
    let good: Vec<_> = [1, 2, 3, 5].map(|n| entry(n, member(n, "x"))).into();
    let at = |n: u64, what| (format!("0/BOOTSTRAP{n:08}"), what);
    for read in 1..5 {
        assert_eq!(compare(&good, read), (4, vec![]));
        let mut less = good.clone();
        less.remove(1);
        assert_eq!(compare(&less, read), (3, vec![at(2, "missing")]));
        let mut altered = good.clone();
        altered[2] = entry(3, member(3, "y"));
        assert_eq!(compare(&altered, read), (3, vec![at(3, "altered")]));
        let mut more = good.clone();
        more.insert(3, entry(4, member(4, "z")));
        assert_eq!(compare(&more, read), (4, vec![at(4, "foreign")]));
        let mut moved = good.clone();
        let mut strayed = moved.remove(0);
        strayed.score = Score::new(-999_996).unwrap();
        moved.insert(2, strayed);
        assert_eq!(compare(&moved, read), (3, vec![at(1, "missing"), at(4, "foreign")]));
        assert_eq!(compare(&[], read).1.len(), 4);
    }
    // Two at one score: one of them is the right one.
    let mut twice = good;
    twice.insert(1, entry(1, member(1, "y")));
    assert_eq!(compare(&twice, 5), (4, vec![at(1, "foreign")]));
}

#[test]
fn nothing_of_a_value_is_said() {
    let mut pages = Pages::new(Sequence::FIRST);
    pages.push(Sequence::FIRST, &member(1, "secret"));
    let page = pages.rest().unwrap();
    let mut comparison = Comparison::new(1);
    comparison.entries(&mut page.members(), vec![entry(1, member(1, "hidden"))]);
    let said = format!("{:?}", comparison.differences);
    assert!(said.contains("public.t") && said.contains("column a"), "{said}");
    assert!(!said.contains("secret") && !said.contains("hidden"), "{said}");
}
