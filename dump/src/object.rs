//! Which objects a statement is about, for rules that go by an object's name.

use crate::name::Cursor;

/// The prefix of the names that Kasho keeps its own bookkeeping under.
const KASHO: &str = "kasho_";

/// Whether the name is one of Kasho's own bookkeeping.
#[must_use]
pub fn is_kasho_name(name: &str) -> bool {
    name.starts_with(KASHO)
}

/// Whether the statement makes, changes, fills or describes an object of Kasho's own bookkeeping: a table,
/// sequence, routine, trigger or event trigger named `kasho_…`, or something that hangs on one (an index,
/// rule, policy or trigger of such a table, a trigger that calls such a function, a comment, a privilege).
#[must_use]
pub fn is_kasho_object(text: &str, standard: bool) -> bool {
    // Cheap and safe: no name can match where the prefix stands nowhere.
    if !text.contains(KASHO) {
        return false;
    }
    subjects(Cursor::new(text, standard)).iter().any(|name| is_kasho_name(name))
}

/// The unqualified names of what the statement is about.
fn subjects(mut c: Cursor<'_>) -> Vec<String> {
    let c = &mut c;
    if c.word("CREATE") {
        c.words(&["OR", "REPLACE"]);
        c.any_word(&["TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN", "UNIQUE", "CONSTRAINT"]);
        object(c)
    } else if c.any_word(&["ALTER", "DROP"]) {
        c.any_word(&["FOREIGN", "MATERIALIZED"]);
        object(c)
    } else if c.words(&["COMMENT", "ON"]) || (c.word("SECURITY") && c.skip_past("ON")) {
        object(c)
    } else if c.any_word(&["GRANT", "REVOKE"]) && c.skip_past("ON") {
        c.any_word(&["TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE"]);
        names(c)
    } else if c.any_word(&["COPY"]) || c.words(&["INSERT", "INTO"]) {
        last(c).into_iter().collect()
    } else if c.word("SELECT") {
        sequence_of_setval(c).into_iter().collect()
    } else {
        Vec::new()
    }
}

/// After the verb: a class of objects, a name, and where it says so, the table that the object hangs on.
fn object(c: &mut Cursor<'_>) -> Vec<String> {
    if c.word("COLUMN") {
        let parts = c.parts().unwrap_or_default();
        return parts.into_iter().rev().skip(1).take(1).collect();
    }
    if c.word("TABLE") {
        return table(c);
    }
    if c.words(&["EVENT", "TRIGGER"]) || c.word("TRIGGER") {
        return trigger(c);
    }
    if c.any_word(&["SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE"]) {
        existing(c);
        return names(c);
    }
    if c.word("INDEX") {
        existing(c);
        let mut found: Vec<_> = if c.at_word("ON") { None } else { last(c) }.into_iter().collect();
        found.extend(after(c, "ON"));
        return found;
    }
    if c.any_word(&["POLICY", "RULE"]) {
        c.part();
        let key = if c.at_word("AS") { "TO" } else { "ON" };
        return after(c, key).into_iter().collect();
    }
    if c.word("CONSTRAINT") {
        return after(c, "ON").into_iter().collect();
    }
    if c.word("STATISTICS") {
        return after(c, "FROM").into_iter().collect();
    }
    Vec::new()
}

fn table(c: &mut Cursor<'_>) -> Vec<String> {
    existing(c);
    c.word("ONLY");
    let mut found: Vec<_> = last(c).into_iter().collect();
    if c.any_word(&["ENABLE", "DISABLE"]) {
        c.any_word(&["ALWAYS", "REPLICA"]);
        if c.word("TRIGGER") {
            found.extend(c.part());
        }
    }
    found
}

fn trigger(c: &mut Cursor<'_>) -> Vec<String> {
    existing(c);
    let mut found: Vec<_> = c.part().into_iter().collect();
    let mut rest = c.clone();
    found.extend(after(c, "ON"));
    if rest.skip_past("EXECUTE") && rest.any_word(&["FUNCTION", "PROCEDURE"]) {
        found.extend(last(&mut rest));
    }
    found
}

fn existing(c: &mut Cursor<'_>) {
    c.words(&["IF", "NOT", "EXISTS"]);
    c.words(&["IF", "EXISTS"]);
    c.word("CONCURRENTLY");
}

fn last(c: &mut Cursor<'_>) -> Option<String> {
    c.parts()?.pop()
}

fn after(c: &mut Cursor<'_>, key: &str) -> Option<String> {
    if !c.skip_past(key) {
        return None;
    }
    c.word("ONLY");
    last(c)
}

/// Names with commas between them; the parameters of a routine are passed over.
fn names(c: &mut Cursor<'_>) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(name) = last(c) {
        found.push(name);
        if c.symbol(b'(') {
            let mut depth = 1;
            while depth > 0 {
                if c.symbol(b'(') {
                    depth += 1;
                } else if c.symbol(b')') {
                    depth -= 1;
                } else if c.next().is_none() {
                    break;
                }
            }
        }
        if !c.symbol(b',') {
            break;
        }
    }
    found
}

fn sequence_of_setval(c: &mut Cursor<'_>) -> Option<String> {
    let function = last(c)?;
    if function != "setval" || !c.symbol(b'(') {
        return None;
    }
    let name = c.literal()?;
    last(&mut Cursor::new(&name, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kashos() {
        for text in [
            "CREATE TABLE public.kasho_ddl_log (a int);",
            "CREATE SEQUENCE public.kasho_ddl_log_id_seq;",
            "ALTER SEQUENCE public.kasho_s OWNED BY public.kasho_ddl_log.id;",
            "ALTER TABLE ONLY public.kasho_ddl_log ALTER COLUMN id SET DEFAULT 1;",
            "CREATE FUNCTION public.kasho_log() RETURNS event_trigger LANGUAGE plpgsql AS $$x$$;",
            "CREATE TRIGGER kasho_t AFTER INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION f();",
            "CREATE TRIGGER t AFTER INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION public.kasho_f();",
            "CREATE TRIGGER t AFTER INSERT ON public.kasho_x FOR EACH ROW EXECUTE FUNCTION public.f();",
            "CREATE EVENT TRIGGER kasho_e ON ddl_command_end EXECUTE FUNCTION public.f();",
            "ALTER EVENT TRIGGER kasho_e ENABLE ALWAYS;",
            "ALTER TABLE public.users ENABLE ALWAYS TRIGGER kasho_t;",
            "COMMENT ON TABLE public.kasho_x IS 'a';",
            "COMMENT ON COLUMN public.kasho_x.a IS 'a';",
            "COMMENT ON FUNCTION public.kasho_x(a int) IS 'a';",
            "COMMENT ON TRIGGER kasho_t ON public.users IS 'a';",
            "GRANT SELECT ON TABLE public.kasho_x TO a;",
            "GRANT ALL ON FUNCTION public.kasho_x(a int, b int) TO a;",
            "CREATE UNIQUE INDEX i ON ONLY public.kasho_x USING btree (a);",
            "SELECT pg_catalog.setval('public.kasho_s', 1, true);",
            "SELECT pg_catalog.setval('\"odd.name\".kasho_s', 1, true);",
            "CREATE RULE r AS ON INSERT TO public.kasho_x DO NOTHING;",
            "CREATE POLICY p ON public.kasho_x USING (true);",
            "ALTER FUNCTION public.kasho_f() OWNER TO a;",
            "DROP TABLE IF EXISTS public.kasho_x;",
            "COPY public.kasho_x (a) FROM stdin;",
        ] {
            assert!(is_kasho_object(text, true), "{text}");
        }
    }

    #[test]
    fn what_only_mentions_it() {
        for text in [
            "COMMENT ON TABLE public.users IS 'see kasho_x';",
            "CREATE TABLE public.users (kasho_id int);",
            "COMMENT ON COLUMN public.users.kasho_id IS 'a';",
            "CREATE VIEW public.v AS SELECT * FROM public.kasho_x;",
            "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS $$SELECT 1 FROM kasho_x$$;",
            "CREATE INDEX i ON public.users USING btree (kasho_id);",
            "CREATE TABLE public.my_kasho_table (a int);",
        ] {
            assert!(!is_kasho_object(text, true), "{text}");
        }
    }
}
