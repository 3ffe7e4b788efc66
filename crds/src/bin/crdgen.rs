//! Prints the CustomResourceDefinition as YAML, or with `--docs` its reference page as Markdown.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let text = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => serde_saphyr::to_string(&crds::crd()).map_err(|error| error.to_string()),
        ["--docs"] => Ok(crds::reference::markdown(&crds::crd())),
        _ => Err("usage: crdgen [--docs]".to_owned()),
    };
    let written =
        text.and_then(|text| std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If standard error is closed, there is nothing left to do.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}
