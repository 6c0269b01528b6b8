//! Any rule reads back as it was written.

use crate::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_][a-z0-9_]{0,8}",
        "[a-z]{1,6}@[0-9]{1,2}(\\.[0-9]{1,2})?",
        Just("over".to_owned()),
        Just("champion".to_owned()),
        Just("slice".to_owned()),
        "[ -~äé]{1,8}",
    ]
}

fn any_number() -> impl Strategy<Value = Number> {
    let written = prop_oneof![-1e6..1e6, Just(0.0), Just(1e-300), Just(-1e300), (-1000..1000).prop_map(f64::from)];
    (written, 0..Unit::ALL.len()).prop_map(|(written, unit)| Number { written, rest: 0.0, unit: Unit::ALL[unit] })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Less), Just(Op::AtMost), Just(Op::More), Just(Op::AtLeast), Just(Op::Equal), Just(Op::Unequal)]
}

fn condition() -> impl Strategy<Value = Condition> {
    let literal = prop_oneof![any_number().prop_map(Literal::Number), name().prop_map(Literal::Text)];
    let leaf = prop_oneof![
        (name(), op(), literal).prop_map(|(column, op, literal)| Condition::Compare { column, op, literal }),
        (name(), prop::collection::vec(name(), 1..4)).prop_map(|(column, values)| Condition::OneOf { column, values }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::All),
            prop::collection::vec(inner, 2..4).prop_map(Condition::Any),
        ]
    })
}

fn quantity() -> impl Strategy<Value = Quantity> {
    let call = |function: Function, args: Vec<String>, condition| Quantity::Call {
        function,
        args: args.into_iter().map(Arg::Name).collect(),
        condition,
    };
    prop_oneof![
        (name(), prop::option::of(name())).prop_map(|(name, slice)| Quantity::Metric { name, slice }),
        (name(), prop::option::of(condition())).prop_map(move |(name, condition)| call(
            Function::Mean,
            vec![name],
            condition
        )),
        (name(), name()).prop_map(move |(a, b)| call(Function::Gap, vec![a, b], None)),
        Just(Quantity::Call { function: Function::Psi, args: vec![Arg::Every], condition: None }),
        prop::collection::vec(name(), 1..4).prop_map(move |names| call(Function::Unique, names, None)),
    ]
}

fn bound() -> impl Strategy<Value = Bound> {
    let champion =
        (name(), prop::option::of(name()), prop_oneof![Just(1.0), -3.0..3.0], prop_oneof![Just(0.0), -1.0..1.0])
            .prop_map(|(metric, slice, factor, offset)| BoundExpr::Champion { metric, slice, factor, offset });
    let expr = prop_oneof![any_number().prop_map(BoundExpr::Number), champion];
    prop_oneof![
        (op(), expr).prop_map(|(op, bound)| Bound::Compare(op, bound)),
        (any_number(), any_number()).prop_map(|(a, b)| if a.value() <= b.value() {
            Bound::Within(a, b)
        } else {
            Bound::Within(b, a)
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let over = prop::option::of((1..500_i64).prop_map(Span::days));
    (quantity(), bound(), over).prop_map(|(quantity, bound, over)| Rule { quantity, bound, over })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_rule_that_is_written_reads_back_as_itself(rule in rule()) {
        let text = rule.to_string();
        match Rule::parse(&text) {
            Ok(read) => prop_assert_eq!(read, rule),
            // What is longer than a rule may be is refused, never misread.
            Err(error) => prop_assert!(text.len() > 2000, "{}", error),
        }
    }

    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_of_it(text in "\\PC{0,60}") {
        if let Err(error) = Rule::parse(&text) {
            prop_assert!(error.column() <= text.chars().count() + 1);
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_change_of_a_form_is_read_or_refused(form in 0..FORMS.len(), at in 0..60_usize, with in "[ -~≥]{0,3}") {
        let mut letters: Vec<char> = FORMS[form].chars().collect();
        let at = at.min(letters.len());
        letters.splice(at..(at + 1).min(letters.len()), with.chars());
        let text: String = letters.into_iter().collect();
        if let Ok(rule) = Rule::parse(&text) {
            prop_assert_eq!(Rule::parse(&rule.to_string()).unwrap(), rule);
        }
    }
}
