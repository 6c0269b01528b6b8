//! What is written reads back, and any text is a filter or a bounded error.

use proptest::prelude::*;

use super::{
    display::Written,
    tests::{ENTITIES, scope_of},
    *,
};

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", "[ -~]{0,8}", "[a-zäß名'\"`%_.]{0,6}"]
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", "[ -~]{1,8}", "[a-zäß名'\"`%_. ]{1,6}", Just("and".to_owned())]
}

fn comparison() -> impl Strategy<Value = Expression> {
    let number = prop_oneof![
        any::<f64>().prop_filter("finite", |number| number.is_finite()),
        (-1000..1000).prop_map(f64::from),
        Just(1e300),
    ];
    let numeric = (
        prop_oneof![any_name().prop_map(Key::Metric), Just(Key::Attribute(Attribute::EndTime))],
        prop::sample::select(&NumberOperator::ALL[..]),
        number,
    )
        .prop_map(|(key, operator, number)| (key, Condition::Number(operator, number)));
    let text_key = prop_oneof![
        any_name().prop_map(Key::Param),
        any_name().prop_map(Key::Tag),
        Just(Key::Attribute(Attribute::RunName)),
        Just(Key::Dataset(DatasetField::Digest))
    ];
    let text = (text_key, prop::sample::select(&TextOperator::ALL[..]), any_text())
        .prop_map(|(key, operator, text)| (key, Condition::Text(operator, text)));
    let list = (
        prop_oneof![Just(Key::Attribute(Attribute::RunId)), Just(Key::Dataset(DatasetField::Name))],
        any::<bool>(),
        prop::collection::vec(any_text(), 1..4),
    )
        .prop_map(|(key, is_in, values)| (key, Condition::List { is_in, values }));
    let presence = (any_name().prop_map(Key::Tag), any::<bool>())
        .prop_map(|(key, is_missing)| (key, Condition::IsMissing(is_missing)));
    prop_oneof![numeric, text, list, presence]
        .prop_map(|(key, condition)| Expression::Compare(Comparison { key, condition }))
}

fn expression() -> impl Strategy<Value = Expression> {
    comparison().prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::any),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

/// Words, signs and values that a filter is made of, in any order.
fn token_soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(
        &[
            "metrics.a",
            "params.`b c`",
            "tags.",
            "run_id",
            "AND",
            "or",
            "Not",
            "IN",
            "IS",
            "NULL",
            "LIKE",
            "ilike",
            "(",
            ")",
            ",",
            "=",
            "!=",
            ">=",
            "<",
            "'x'",
            "\"y\"",
            "'",
            "\"",
            "`",
            "1",
            "-2.5e3",
            ".",
            ";",
            "--",
            "名",
            "\0",
        ][..],
    );
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_tree_reads_back_as_it_is_written(expression in expression()) {
        let text = Written { expression: &expression, entity: Entity::Run }.to_string();
        prop_assert_eq!(Expression::parse(Entity::Run, &text), Ok(Some(expression)), "{}", text);
    }

    #[test]
    fn any_text_is_a_filter_or_a_bounded_error(text in prop_oneof![".{0,80}", token_soup(), "[a-z.`'\"()=<> 0-9]{0,60}"]) {
        for entity in ENTITIES {
            match Expression::parse(entity, &text) {
                Ok(None) => prop_assert!(text.trim().is_empty()),
                Ok(Some(expression)) => {
                    let written = Written { expression: &expression, entity }.to_string();
                    prop_assert_eq!(Expression::parse(entity, &written), Ok(Some(expression)));
                }
                Err(error) => prop_assert!(error.to_string().len() < 1_000),
            }
            let _ = Search::parse(scope_of(entity), "", std::slice::from_ref(&text));
        }
        let _ = text.parse::<PageToken>();
    }

    #[test]
    fn every_page_token_reads_back(offset in 0..=i64::MAX as u64) {
        prop_assert_eq!(PageToken { offset }.to_string().parse(), Ok(PageToken { offset }));
    }
}
