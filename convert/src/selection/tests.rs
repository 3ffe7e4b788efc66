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
