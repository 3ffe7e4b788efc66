//! Scripts by chance: equal to what psql makes of them, or refused by name.

use pg_bootstrap_tests::differential::Campaign;

/// `PGBOOTSTRAP_SCRIPTS=5000` for a long one; the seed that is printed gives the same scripts again.
#[test]
fn every_script_is_equal_or_refused() {
    let campaign = Campaign::from_env(300);
    println!("PGBOOTSTRAP_SEED={} PGBOOTSTRAP_SCRIPTS={}", campaign.seed, campaign.scripts);
    let tally = campaign.run();
    println!("{tally}");
    assert!(tally.findings.is_empty(), "{} scripts are silently wrong, see above", tally.findings.len());
}
