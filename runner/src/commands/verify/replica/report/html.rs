//! The report as one page that needs nothing else, for whoever signs it. It has names and counts alone, no value and no key.

use std::fmt::Write as _;

use super::{DefinitionsReport, How, ObjectsReport, Report, TableReport, Verdict, many};

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Replica and dump</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { border-radius: .4rem; display: inline-block; font-weight: 600; padding: .2rem .7rem; }
.equal { background: #2a7a3b; color: #fff; } .different { background: #b3261e; color: #fff; }
.unknown { background: #8a6100; color: #fff; }
dl { display: grid; gap: .2rem 1rem; grid-template-columns: max-content auto; } dd { margin: 0; overflow-wrap: anywhere; }
.sign { border-top: 1px solid #8886; margin-top: 4rem; padding-top: .5rem; }
@media print { body { margin: 0; max-width: none; } }
</style>
</head>
<body>
";

impl Report {
    /// The report as a page.
    #[must_use]
    pub fn html(&self) -> String {
        let mut out = HEAD.to_owned();
        let _ = writeln!(
            out,
            "<h1>Does the replica hold what the dump says?</h1>\n<p>{}</p>",
            badge(self.verdict)
        );
        self.facts(&mut out);
        self.open_part(&mut out);
        self.tables_part(&mut out);
        for (what, one) in self.objects() {
            objects(&mut out, &format!("{what}s"), one);
        }
        definitions(&mut out, &self.definitions);
        let masked = self.masked();
        let _ = writeln!(out, "<h2>Masked columns</h2>");
        list(&mut out, &masked, "None.");
        out.push_str("<p class=\"sign\">Name, date, signature</p>\n</body>\n</html>\n");
        out
    }

    fn facts(&self, out: &mut String) {
        let transforms = self.transforms.as_deref().unwrap_or("none");
        let facts = [
            ("Dump", self.dump.clone()),
            ("Replica", self.replica.clone()),
            ("Transforms", transforms.to_owned()),
            ("Begun", time(self.begun)),
            ("Took", format!("{:.1} s", self.seconds)),
            ("Tables", self.tables.len().to_string()),
            ("Rows", self.rows().to_string()),
            ("Bytes of rows", self.bytes().to_string()),
        ];
        out.push_str("<dl>\n");
        for (name, value) in facts {
            let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
        }
        if self.verdict == Verdict::Different {
            let _ = writeln!(out, "<dt>Differ</dt><dd>{}</dd>", escaped(&self.counts()));
        }
        out.push_str("</dl>\n");
    }

    fn open_part(&self, out: &mut String) {
        let open = self.open();
        if !open.is_empty() {
            out.push_str("<h2>Not compared</h2>\n");
            list(out, &open, "");
        }
    }

    fn tables_part(&self, out: &mut String) {
        out.push_str(
            "<h2>Tables</h2>\n<table>\n<thead><tr><th>Table</th><th>Verdict</th><th class=\"number\">Rows of the dump</th>\
             <th class=\"number\">Rows of the replica</th><th class=\"number\">Bytes</th><th class=\"number\">Seconds</th>\
             <th>Compared by</th><th>What differs</th><th>Masked</th></tr></thead>\n<tbody>\n",
        );
        let mut tables: Vec<_> = self.tables.iter().collect();
        // What has to be looked at comes first.
        tables.sort_by_key(|table| (table.verdict == Verdict::Equal, table.name.clone()));
        tables.into_iter().for_each(|table| row(out, table));
        out.push_str("</tbody>\n</table>\n");
    }
}

fn row(out: &mut String, table: &TableReport) {
    let found = table.found.map(|rows| rows.to_string()).unwrap_or_default();
    let how = match table.how {
        Some(How::Sums) => "sums",
        Some(How::Server) => "the server",
        None => "",
    };
    let wrong =
        if table.verdict == Verdict::Equal { table.note.clone().unwrap_or_default() } else { table.wrong() };
    let _ = writeln!(
        out,
        "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{found}</td><td class=\"number\">{}</td>\
         <td class=\"number\">{:.1}</td><td>{how}</td><td>{}</td><td>{}</td></tr>",
        escaped(&table.name),
        badge(table.verdict),
        table.rows,
        table.bytes,
        table.seconds,
        escaped(&wrong),
        escaped(&table.masked.join(", "))
    );
}

fn objects(out: &mut String, what: &str, report: &ObjectsReport) {
    let mut title = what.to_owned();
    title[..1].make_ascii_uppercase();
    let _ = writeln!(out, "<h2>{title}</h2>\n<p>{} compared, {} differ.</p>", report.compared, report.differ);
    list(out, &report.differences, "");
}

fn definitions(out: &mut String, report: &DefinitionsReport) {
    out.push_str("<h2>Definitions</h2>\n");
    let said = match report {
        DefinitionsReport { none: true, .. } => "The dump has none.".to_owned(),
        DefinitionsReport { left_out: true, .. } => "Not compared, as was asked for.".to_owned(),
        DefinitionsReport { not_compared: Some(why), .. } => format!("Not compared: {why}"),
        _ => format!("{} compared, {} differ.", many(report.compared, "definition"), report.differ),
    };
    let _ = writeln!(out, "<p>{}</p>", escaped(&said));
    if let Some(how) = &report.how {
        let _ = writeln!(out, "<p>Compared {}.</p>", escaped(how));
    }
    let named: Vec<_> =
        report.differences.iter().map(|(name, fault)| format!("{}: {name}", fault.word())).collect();
    list(out, &named, "");
}

fn list(out: &mut String, items: &[String], none: &str) {
    if items.is_empty() {
        if !none.is_empty() {
            let _ = writeln!(out, "<p>{none}</p>");
        }
        return;
    }
    out.push_str("<ul>\n");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", escaped(item));
    }
    out.push_str("</ul>\n");
}

fn badge(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "<span class=\"verdict equal\">equal</span>",
        Verdict::Different => "<span class=\"verdict different\">different</span>",
        Verdict::Unknown => "<span class=\"verdict unknown\">not compared in full</span>",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Seconds since 1970 as a date and a time in UTC.
fn time(seconds: u64) -> String {
    crate::commands::verify::replica::instants::text(i64::try_from(seconds).unwrap_or(0))
}
