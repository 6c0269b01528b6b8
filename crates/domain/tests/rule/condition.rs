//! Conditions over rows.

use crate::*;

#[test]
fn a_condition_picks_rows_and_a_missing_value_matches_nothing() {
    let table = Table::new(vec![
        ("tenure".into(), Column::Float(vec![100.0, 130.0, f64::NAN, 200.0])),
        ("complaints".into(), Column::Int(vec![Some(0), Some(0), Some(0), Some(2)])),
        ("city".into(), Column::Text(vec![Some("a".into()), Some("New York".into()), None, Some("b".into())])),
        ("at".into(), Column::Time(vec![Some(0), Some(86_400_000), None, Some(2 * 86_400_000)])),
        ("ok".into(), Column::Bool(vec![Some(true), Some(false), None, Some(true)])),
    ])
    .unwrap();
    let rows = |condition: &str| {
        let rule = Rule::parse(&format!("mean(score | {condition}) < 1")).unwrap();
        let Quantity::Call { condition: Some(condition), .. } = rule.quantity else { panic!("no condition") };
        condition.rows(&table)
    };
    let picked = |condition: &str| {
        let rows = rows(condition).unwrap();
        rows.iter().enumerate().filter(|(_, kept)| **kept).map(|(row, _)| row).collect::<Vec<_>>()
    };
    assert_eq!(picked("tenure > 120 and complaints == 0"), [1]);
    assert_eq!(picked("tenure != 100"), [1, 3]);
    assert_eq!(picked("city == 'New York' or tenure >= 200"), [1, 3]);
    assert_eq!(picked("city in {a, b}"), [0, 3]);
    assert_eq!(picked("at >= '1970-01-02'"), [1, 3]);
    assert_eq!(picked("ok == true"), [0, 3]);
    assert_eq!(picked("complaints in {0}"), [0, 1, 2]);
    for (condition, wanted) in
        [("nothing > 1", "no column `nothing`"), ("tenure > long", "holds numbers"), ("at > soon", "holds times")]
    {
        let error = rows(condition).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
