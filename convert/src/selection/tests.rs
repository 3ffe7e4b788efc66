use dump::QualifiedName;

use super::*;

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Which of these relations a choice takes.
fn taken(tables: &[&str], no_tables: &[&str], schemas: &[&str], no_schemas: &[&str]) -> Vec<String> {
    let selection = Selection::new(&Words {
        tables: &strings(tables),
        exclude_tables: &strings(no_tables),
        schemas: &strings(schemas),
        exclude_schemas: &strings(no_schemas),
        ..Words::default()
    })
    .unwrap();
    let all = [
        ("public", "orders"),
        ("public", "Order"),
        ("public", "order_items"),
        ("old", "orders"),
        ("old", "a.b"),
    ];
    let names = all.map(|(schema, name)| QualifiedName::new(schema, name));
    names.iter().filter(|name| selection.has_relation(name)).map(ToString::to_string).collect()
}

#[test]
fn a_choice_is_read_from_what_was_registered_of_it() {
    let words = Words {
        tables: &strings(&["public.order*", "old.\"a b\"", "\"x \"\" y\""]),
        exclude_tables: &strings(&["log"]),
        schemas: &strings(&["pub?"]),
        exclude_schemas: &strings(&["\"o ld\""]),
        sections: Some(Sections { pre_data: true, no_refresh: true, ..Sections::default() }),
        database: Some("shop of \"x"),
        max_rows: Some(12),
        entries: Some([7, 8, 9, 3].into()),
    };
    for selection in [Selection::new(&words).unwrap(), Selection::default()] {
        let parts = selection.parts().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let read = Selection::of_parts(&parts).unwrap();
        assert_eq!(read.parts(), selection.parts());
        let counts = |selection: &Selection| (selection.tables.len(), selection.exclude_schemas.len());
        assert_eq!(counts(&read), counts(&selection));
        assert_eq!(read.entries, selection.entries);
        assert_eq!(read.border(), selection.border());
    }
}

#[test]
fn a_blank_in_a_pattern_stays_a_part_of_it() {
    for (pattern, name) in [
        ("my table", "my table"),
        ("\"A\" b \"C\"", "A b C"),
        ("\"q\"\"\" r", "q\" r"),
        ("x[ y]z", "x z"),
        (" a ", " a "),
        ("a\\ b", "a b"),
    ] {
        let words = Words { tables: &strings(&[pattern, "other"]), ..Words::default() };
        let selection = Selection::new(&words).unwrap();
        let parts = selection.parts().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let read = Selection::of_parts(&parts).unwrap();
        let name = QualifiedName::new("public", name);
        assert!(selection.has_relation(&name) && read.has_relation(&name), "{pattern}: {parts:?}");
        assert_eq!((read.tables.len(), read.parts()), (2, selection.parts()), "{pattern}");
    }
}

#[test]
fn patterns_as_pg_dump_reads_them() {
    assert_eq!(taken(&["orders"], &[], &[], &[]), ["public.orders", "old.orders"]);
    assert_eq!(taken(&["ORDERS"], &[], &[], &[]), ["public.orders", "old.orders"]);
    assert_eq!(taken(&["public.order*"], &[], &[], &[]), ["public.orders", "public.order_items"]);
    assert_eq!(taken(&["\"Order\""], &[], &[], &[]), ["public.\"Order\""]);
    assert_eq!(taken(&["Order"], &[], &[], &[]), Vec::<String>::new());
    assert_eq!(taken(&["old.\"a.b\""], &[], &[], &[]), ["old.\"a.b\""]);
    assert_eq!(taken(&["order?"], &[], &[], &[]), ["public.orders", "old.orders"]);
    assert_eq!(taken(&["o[l-r]d.(orders|x)"], &[], &[], &[]), ["old.orders"]);
    assert_eq!(taken(&["order"], &[], &[], &[]), Vec::<String>::new());
    for (wrong, what) in
        [("a.b.c", "too many dots"), ("\"a", "does not end"), ("", "empty"), ("a(", "not a pattern")]
    {
        let error = Selection::new(&Words { tables: &strings(&[wrong]), ..Words::default() }).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn excluding_wins_and_tables_win_over_schemas() {
    assert_eq!(taken(&["*orders"], &["old.*"], &[], &[]), ["public.orders"]);
    assert_eq!(taken(&[], &["orders"], &["public"], &[]), ["public.\"Order\"", "public.order_items"]);
    assert_eq!(taken(&[], &[], &[], &["o*"]), ["public.orders", "public.\"Order\"", "public.order_items"]);
    assert_eq!(taken(&["old.orders"], &[], &["public"], &["old"]), ["old.orders"]);
}

#[test]
fn the_order_of_patterns_is_not_part_of_the_identity() {
    let of =
        |tables: &[&str]| Selection::new(&Words { tables: &strings(tables), ..Words::default() }).unwrap();
    assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
    assert_ne!(of(&["a", "b"]), of(&["b"]));
    assert_eq!(of(&["b", "a"]).parts(), [("--table", "a b".to_owned())]);
    assert!(Selection::default().parts().is_empty());
}
