//! Which objects a statement is about, for rules that go by an object's name.

use crate::name::Cursor;

/// The prefix of the names that Kasho keeps its own bookkeeping under.
const KASHO: &str = "kasho_";

/// Whether the name is one of Kasho's own bookkeeping.
#[must_use]
pub fn is_kasho_name(name: &str) -> bool {
    name.starts_with(KASHO)
}

/// How far a statement is about objects of Kasho's own bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bookkeeping {
    /// Not at all.
    No,
    /// It makes, changes, fills or describes an object of it: a table, sequence, routine, trigger or event trigger named
    /// `kasho_…`, or something that hangs on one (an index, rule, policy or trigger of such a table, a trigger that calls
    /// such a function, a comment, a privilege).
    Yes,
    /// It names others beside it, or gives one a name of the other kind.
    Mixed,
}

/// How far the statement is about objects of Kasho's own bookkeeping.
#[must_use]
pub fn bookkeeping(text: &str, standard: bool) -> Bookkeeping {
    // Cheap and safe: no name can match where the prefix stands nowhere. Without quotes it has no case.
    if !holds_prefix(text.as_bytes()) {
        return Bookkeeping::No;
    }
    let about = subjects(Cursor::new(text, standard));
    let own = about.names.iter().filter(|name| is_kasho_name(name)).count();
    match own {
        0 => Bookkeeping::No,
        _ if about.list && own < about.names.len() => Bookkeeping::Mixed,
        _ => Bookkeeping::Yes,
    }
}

fn holds_prefix(text: &[u8]) -> bool {
    memchr::memchr2_iter(KASHO.as_bytes()[0], KASHO.as_bytes()[0].to_ascii_uppercase(), text).any(|at| {
        text[at..].get(..KASHO.len()).is_some_and(|word| word.eq_ignore_ascii_case(KASHO.as_bytes()))
    })
}

/// What a statement is about.
#[derive(Default)]
struct About {
    /// Names without their schemas.
    names: Vec<String>,
    /// Each stands for itself: a list, or the old and the new name. Else one of them decides.
    list: bool,
}

impl About {
    fn one(name: Option<String>) -> Self {
        Self { names: name.into_iter().collect(), list: false }
    }

    fn list(names: Vec<String>) -> Self {
        Self { names, list: true }
    }
}

fn subjects(mut c: Cursor<'_>) -> About {
    let c = &mut c;
    if c.word("CREATE") {
        c.words(&["OR", "REPLACE"]);
        c.any_word(&["TEMPORARY", "TEMP", "UNLOGGED", "FOREIGN", "UNIQUE", "CONSTRAINT"]);
        object(c, false)
    } else if c.any_word(&["ALTER", "DROP"]) {
        c.any_word(&["FOREIGN", "MATERIALIZED"]);
        object(c, true)
    } else if c.words(&["COMMENT", "ON"]) || (c.word("SECURITY") && c.skip_past("ON")) {
        object(c, false)
    } else if c.any_word(&["GRANT", "REVOKE"]) && c.skip_past("ON") {
        c.any_word(&["TABLE", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE"]);
        About::list(names(c))
    } else if c.any_word(&["COPY"]) || c.words(&["INSERT", "INTO"]) {
        About::one(last(c))
    } else if c.word("TRUNCATE") {
        c.word("TABLE");
        c.word("ONLY");
        About::list(names(c))
    } else if c.word("SELECT") {
        About::one(sequence_of_setval(c))
    } else {
        About::default()
    }
}

/// After the verb: a class of objects, a name, and where it says so, the table that the object hangs on.
/// `changes` says that the verb is ALTER or DROP.
fn object(c: &mut Cursor<'_>, changes: bool) -> About {
    if c.word("COLUMN") {
        let parts = c.parts().unwrap_or_default();
        return About::one(parts.into_iter().rev().nth(1));
    }
    if c.word("TABLE") {
        existing(c);
        c.word("ONLY");
        return if changes { changed_table(c) } else { About::one(last(c)) };
    }
    if c.words(&["EVENT", "TRIGGER"]) || c.word("TRIGGER") {
        return trigger(c);
    }
    if c.any_word(&["SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE", "AGGREGATE"]) {
        existing(c);
        let mut all = names(c);
        all.extend(changes.then(|| new_name(c)).flatten());
        return About::list(all);
    }
    if c.word("INDEX") {
        existing(c);
        let name = if c.at_word("ON") { None } else { last(c) };
        // Whose a new one is, its table says.
        return About::one(after(c, "ON").or(name));
    }
    if c.any_word(&["POLICY", "RULE"]) {
        c.part();
        let key = if c.at_word("AS") { "TO" } else { "ON" };
        return About::one(after(c, key));
    }
    if c.word("CONSTRAINT") {
        return About::one(after(c, "ON"));
    }
    if c.word("STATISTICS") {
        return About::one(after(c, "FROM"));
    }
    About::default()
}

/// After `ALTER TABLE`, `DROP TABLE`: tables, the new name of one, or one of its triggers.
fn changed_table(c: &mut Cursor<'_>) -> About {
    let mut all = names(c);
    if c.any_word(&["ENABLE", "DISABLE"]) {
        c.any_word(&["ALWAYS", "REPLICA"]);
        all.extend(c.word("TRIGGER").then(|| c.part()).flatten());
        return About { names: all, list: false };
    }
    all.extend(new_name(c));
    About::list(all)
}

fn new_name(c: &mut Cursor<'_>) -> Option<String> {
    c.words(&["RENAME", "TO"]).then(|| c.part()).flatten()
}

fn trigger(c: &mut Cursor<'_>) -> About {
    existing(c);
    let mut found: Vec<_> = c.part().into_iter().collect();
    let mut rest = c.clone();
    found.extend(after(c, "ON"));
    if rest.skip_past("EXECUTE") && rest.any_word(&["FUNCTION", "PROCEDURE"]) {
        found.extend(last(&mut rest));
    }
    About { names: found, list: false }
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
            "CREATE TABLE KASHO_X (a int);",
            "DROP TABLE kasho_a, kasho_b;",
            "DROP INDEX public.kasho_i;",
            "COMMENT ON INDEX public.kasho_i IS 'a';",
            "ALTER TABLE kasho_a RENAME TO kasho_b;",
        ] {
            assert_eq!(bookkeeping(text, true), Bookkeeping::Yes, "{text}");
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
            "CREATE INDEX kasho_i ON public.users USING btree (id);",
            "CREATE TABLE \"KASHO_x\" (a int);",
        ] {
            assert_eq!(bookkeeping(text, true), Bookkeeping::No, "{text}");
        }
    }

    #[test]
    fn what_names_others_beside_it() {
        for text in [
            "DROP TABLE IF EXISTS t, kasho_x;",
            "DROP FUNCTION kasho_f(a int), f();",
            "GRANT SELECT ON TABLE t, kasho_x TO a;",
            "TRUNCATE kasho_x, t;",
            "ALTER TABLE kasho_x RENAME TO t;",
            "ALTER TABLE t RENAME TO kasho_x;",
            "ALTER SEQUENCE s RENAME TO kasho_s;",
        ] {
            assert_eq!(bookkeeping(text, true), Bookkeeping::Mixed, "{text}");
        }
    }
}
