//! `kilter.toml`: the whole sample reads, every default is resolved, and everything wrong is told with place and fix.

mod anything;
mod policy;
mod reads;
mod wrong;

use kilter_domain::contract::Contract;

const SAMPLE: &str = include_str!("sample.toml");

fn parse(text: &str) -> Contract {
    Contract::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Place and text of every error.
fn errors(text: &str) -> Vec<(usize, String)> {
    let errors = Contract::parse(text).expect_err("something is wrong with it");
    errors
        .iter()
        .map(|error| (error.line, format!("{} | {}", error.message, error.hint.clone().unwrap_or_default())))
        .collect()
}

/// The one error of a text: its line, and all of these words in it.
#[track_caller]
fn one_error(text: &str, line: usize, words: &[&str]) {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{text}\n{errors:#?}");
    assert_eq!(errors[0].0, line, "{errors:#?}");
    for word in words {
        assert!(errors[0].1.contains(word), "`{word}` is not in: {}", errors[0].1);
    }
}
