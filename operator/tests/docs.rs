//! Compares the operator's documentation with its code.

use clap::CommandFactory;
use operator::cli::Cli;
use operator::metrics::Metrics;

const PAGE: &str = include_str!("../../docs/operator.md");

#[test]
fn every_option_is_documented_with_its_variable_and_default() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let mut seen = 0;
    for option in run.get_arguments().filter(|option| option.get_env().is_some()) {
        let (long, env) = (option.get_long().unwrap(), option.get_env().unwrap().to_str().unwrap());
        let row = PAGE.lines().find(|line| {
            line.starts_with(&format!("| `--{long} ")) || line.starts_with(&format!("| `--{long}="))
        });
        let row = row.unwrap_or_else(|| panic!("docs/operator.md lacks --{long}"));
        let default = option
            .get_default_values()
            .first()
            .map_or("-".to_owned(), |value| format!("`{}`", value.to_str().unwrap()));
        assert!(row.contains(&format!("| `{env}` | {default} |")), "{row}\nlacks {env} or {default}");
        seen += 1;
    }
    let rows = PAGE.lines().filter(|line| line.starts_with("| `--")).count();
    assert_eq!(rows, seen, "docs/operator.md has an option that the program lacks");
}

#[test]
fn every_metric_is_documented() {
    let text = Metrics::default().render(std::collections::BTreeMap::new());
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let found = PAGE
            .lines()
            .any(|row| row.starts_with(&format!("| `{name}")) && row.contains(&format!("| {kind} |")));
        assert!(found, "docs/operator.md lacks {name} as a {kind}");
    }
}

#[test]
fn every_reason_and_phase_is_documented() {
    for reason in crds::conditions::Reason::ALL {
        let word = reason.as_str();
        let known = ["Succeeded"].contains(&word) || PAGE.contains(&format!("`{word}`"));
        assert!(known, "docs/operator.md lacks {word}");
    }
    for phase in crds::v1alpha1::Phase::ALL {
        assert!(
            PAGE.contains(&format!("| `{}` |", phase.as_str())),
            "docs/operator.md lacks {}",
            phase.as_str()
        );
    }
}
