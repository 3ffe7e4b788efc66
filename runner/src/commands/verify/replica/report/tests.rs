use super::*;

fn report() -> Report {
    let table = |name: &str, verdict| TableReport { verdict, rows: 3, ..TableReport::named(name.to_owned()) };
    let different = TableReport {
        missing: 1,
        different: 1,
        columns: vec![("email".to_owned(), 1)],
        differences: vec![RowReport {
            fault: "different",
            key: vec![("id".to_owned(), Some("5".to_owned())), ("name".to_owned(), None)],
            columns: vec![ColumnReport { name: "email".to_owned(), values: None }],
            row: None,
        }],
        masked: vec!["email".to_owned()],
        ..table("public.\"<b>\"", Verdict::Different)
    };
    let mut report =
        Report { tables: vec![table("public.a", Verdict::Equal), different], ..Report::default() };
    report.judge();
    report
}

#[test]
fn what_differs_is_named() {
    let report = report();
    let text = report.text();
    for line in [
        "different: 2 tables, 6 rows; 0 definitions\n",
        "  table public.\"<b>\": 1 missing, 1 different of 3 rows; columns: email in 1\n",
        "    different id=5, name=(not shown): email\n",
        "    and 1 more rows\n",
        "  equal       public.a 3 rows\n",
        "  masked      public.\"<b>\".email\n",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    assert!(report.verdict().unwrap_err().to_string().contains("1 table;"));
    assert!(report.json().contains("\"verdict\": \"different\""));
}

#[test]
fn the_page_has_names_and_no_keys() {
    let page = report().html();
    assert!(page.contains("public.&quot;&lt;b&gt;&quot;") && !page.contains("<b>"), "{page}");
    assert!(page.contains("1970-01-01 00:00:00 UTC") && !page.contains("id=5"), "{page}");
    assert!(!page.contains("http"), "it needs nothing else");
}

#[test]
fn what_was_not_compared_is_not_equal() {
    let mut report = Report::default();
    report.judge();
    assert_eq!(report.verdict, Verdict::Equal);
    report.definitions.not_compared = Some("no pg_dump".to_owned());
    report.judge();
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(report.text().starts_with("not compared in full: 0 tables"), "{}", report.text());
    assert!(report.verdict().unwrap_err().to_string().contains("no pg_dump"));
    report.sequences.differs("s".to_owned());
    report.judge();
    assert_eq!(report.verdict, Verdict::Different);
}
