//! Anything at all is a contract or a list of errors.

use kilter_domain::contract::Contract;
use proptest::prelude::*;

use crate::SAMPLE;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_a_contract_or_a_list_of_errors(text in "\\PC{0,200}") {
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
        }
    }

    #[test]
    fn any_change_of_the_sample_is_a_contract_or_a_list_of_errors(
        at in 0..SAMPLE.len(), cut in 0..12_usize, with in "[ -~\n\"é]{0,8}",
    ) {
        let mut text = SAMPLE.to_owned();
        let boundary = |text: &str, mut at: usize| { while !text.is_char_boundary(at) { at -= 1; } at };
        let start = boundary(&text, at);
        let end = boundary(&text, (start + cut).min(text.len())).max(start);
        text.replace_range(start..end, &with);
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
            for error in errors.iter() {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1) + 1);
            }
        }
    }

    #[test]
    fn lines_of_the_sample_in_any_order_are_a_contract_or_a_list_of_errors(
        picks in prop::collection::vec(0..200_usize, 0..60),
    ) {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        let text: String = picks.into_iter().map(|at| format!("{}\n", lines[at % lines.len()])).collect();
        if let Err(errors) = Contract::parse(&text) {
            prop_assert!(errors.count() > 0 && !errors.to_string().is_empty());
        }
    }
}
