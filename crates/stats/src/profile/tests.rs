use super::*;
use crate::drift::{FormatError, Measure};
use crate::random::Random;
use proptest::prelude::*;

fn numbers(values: Vec<f64>) -> ColumnValues {
    ColumnValues::Numbers(values)
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ColumnValues {
    let mut counts = TextCounts::default();
    values.into_iter().for_each(|text| if text.is_empty() { counts.add_missing(1) } else { counts.add(text, 1) });
    ColumnValues::Texts(counts)
}

fn normals(seed: u64, rows: usize) -> Vec<f64> {
    let mut random = Random::seeded(seed);
    (0..rows).map(|_| random.normal()).collect()
}

fn table() -> TableProfile {
    let mut holes = normals(1, 900);
    holes.extend([f64::NAN, f64::INFINITY]);
    TableProfile::new(
        902,
        vec![
            ColumnProfile::of("x", Stored::Float, numbers(holes)),
            ColumnProfile::of("few", Stored::Int, numbers((0..902).map(|i| f64::from(i % 7)).collect())),
            ColumnProfile::of("id", Stored::Int, numbers((0..902).map(f64::from).collect())),
            ColumnProfile::of("yes", Stored::Bool, numbers((0..902).map(|i| f64::from(i % 2)).collect())),
            ColumnProfile::of("at", Stored::Time, numbers((0..902).map(|i| f64::from(i % 400) * 1e3).collect())),
            ColumnProfile::of("city", Stored::Text, texts((0..902).map(|i| ["Rome", "Oslo", ""][i % 3]))),
            ColumnProfile::of("nothing", Stored::Float, numbers(vec![f64::NAN; 902])),
        ],
    )
}

#[test]
fn a_column_is_looked_at_by_its_values() {
    let table = table();
    let kinds: Vec<_> = table.columns.iter().map(|column| column.kind).collect();
    use ValueKind::*;
    assert_eq!(kinds, [Number, Category, Identifier, Flag, Time, Category, Empty]);
    let words = "the customer wrote a long letter about the delivery of the parcel number ";
    let long: Vec<String> = (0..100).map(|i| format!("{words}{i}")).collect();
    assert_eq!(ColumnProfile::of("t", Stored::Text, texts(long.iter().map(String::as_str))).kind, Text);
    let ids: Vec<String> = (0..100).map(|i| format!("c-{i}")).collect();
    assert_eq!(ColumnProfile::of("t", Stored::Text, texts(ids.iter().map(String::as_str))).kind, Identifier);
}

#[test]
fn warnings_name_what_is_rarely_meant() {
    let of = |values: Vec<f64>| ColumnProfile::of("x", Stored::Float, numbers(values)).warnings();
    assert_eq!(of(vec![f64::NAN; 3]), [Warning::AllMissing]);
    assert_eq!(of(vec![5.0; 30]), [Warning::Constant]);
    let mut nearly = vec![0.0; 1000];
    nearly[7] = 1.0;
    assert_eq!(of(nearly), [Warning::NearlyConstant]);
    let mut mostly = vec![f64::NAN; 100];
    mostly.extend(normals(3, 60));
    mostly.push(f64::NEG_INFINITY);
    assert_eq!(of(mostly), [Warning::MostlyMissing, Warning::Infinite]);
    assert_eq!(of(Vec::new()), []);
    assert_eq!(table().columns[2].warnings(), [Warning::Identifier]);
}

#[test]
fn a_profile_survives_its_bytes_and_stays_small() {
    let table = table();
    let bytes = table.to_bytes();
    let back = TableProfile::from_bytes(&bytes).unwrap();
    assert!(back.to_bytes() == bytes, "the bytes are those of the profile that they make");
    let summary =
        |table: &TableProfile| table.columns.iter().map(|c| (c.kind, c.distinct, c.quantiles)).collect::<Vec<_>>();
    assert_eq!((back.rows, summary(&back)), (table.rows, summary(&table)));
    assert!(TableProfile::is_profile(&bytes) && !TableProfile::is_profile(b"PAR1"));
    let wide = (0..50).map(|at| ColumnProfile::of(&format!("x{at}"), Stored::Float, numbers(normals(at, 20_000))));
    let wide = TableProfile::new(20_000, wide.collect());
    assert!(wide.to_bytes().len() <= 150_000, "{}", wide.to_bytes().len());
}

#[test]
fn numbers_too_large_for_their_moments_still_make_a_readable_profile() {
    let huge: Vec<f64> = (0..200).map(|i| f64::from(i - 100) * 1e300).collect();
    let table = TableProfile::new(200, vec![ColumnProfile::of("x", Stored::Float, numbers(huge))]);
    let back = TableProfile::from_bytes(&table.to_bytes()).unwrap();
    assert!(back.columns[0].moments.unwrap().kurtosis().is_err());
}

#[test]
fn bytes_that_were_changed_or_cut_are_told() {
    let bytes = table().to_bytes();
    assert!(matches!(TableProfile::from_bytes(b"PAR1"), Err(FormatError::Nonsense(_))));
    let mut other = bytes.clone();
    other[8] = 9;
    assert_eq!(TableProfile::from_bytes(&other), Err(FormatError::Version(9)));
    for cut in [8, 9, 20, bytes.len() / 2, bytes.len() - 1] {
        assert!(TableProfile::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    for at in (9..bytes.len()).step_by(97) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        assert!(TableProfile::from_bytes(&flipped).is_err(), "{at}");
    }
}

#[test]
fn parts_counted_alike_add_up_to_the_whole() {
    let (all, mut first, mut second) = (normals(5, 4000), Vec::new(), Vec::new());
    all.iter().enumerate().for_each(|(at, x)| if at % 4 == 0 { second.push(*x) } else { first.push(*x) });
    second.push(f64::NAN);
    let cities = |rows: std::ops::Range<usize>| texts(rows.map(|i| ["Rome", "Oslo", "Bern", "Kyiv"][i % 4]));
    let mut whole = TableProfile::new(
        3000,
        vec![
            ColumnProfile::of("x", Stored::Float, numbers(first)),
            ColumnProfile::of("city", Stored::Text, texts((0..3000).map(|i| ["Rome", "Oslo"][i % 2]))),
        ],
    );
    let like = |at: usize, stored, values: ColumnValues| whole.columns[at].like(stored, values).unwrap();
    let part = TableProfile::new(
        1001,
        vec![like(0, Stored::Float, numbers(second.clone())), like(1, Stored::Text, cities(0..1001))],
    );
    let part = TableProfile::from_bytes(&part.to_bytes()).unwrap();
    whole.merge(&part).unwrap();
    assert_eq!((whole.rows, whole.columns[0].rows, whole.columns[0].missing), (4001, 4001, 1));
    let moments = whole.columns[0].moments.unwrap();
    let mean = all.iter().sum::<f64>() / 4000.0;
    assert!((moments.mean().unwrap() - mean).abs() < 1e-12);
    assert!(
        (whole.columns[0].quantiles.unwrap()[3] - crate::drift::Sample::of(&all).quantile(0.5).unwrap()).abs() < 0.02
    );
    assert_eq!(whole.columns[1].top(9), [("Rome", 1751), ("Oslo", 1750), ("Bern", 250), ("Kyiv", 250)]);
    let Some(ReferenceDistribution::Numeric(frozen)) = &whole.columns[0].reference else { panic!() };
    let window = frozen.count(&all);
    assert!(frozen.distance(&window, Measure::Ks).unwrap().value < 1e-12, "the whole is itself");
    assert!(TableProfile::from_bytes(&whole.to_bytes()).is_ok());
}

#[test]
fn parts_that_were_counted_otherwise_are_refused_and_nothing_changes() {
    let of = |seed| TableProfile::new(500, vec![ColumnProfile::of("x", Stored::Float, numbers(normals(seed, 500)))]);
    let mut whole = of(1);
    let before = whole.clone();
    let why = whole.merge(&of(2)).unwrap_err().to_string();
    assert!(why.contains("another reference"), "{why}");
    let renamed = TableProfile::new(0, vec![ColumnProfile::of("y", Stored::Float, numbers(normals(1, 500)))]);
    assert!(whole.merge(&renamed).unwrap_err().to_string().contains('y'));
    assert!(whole == before);
    let like = whole.columns[0].like(Stored::Text, texts(["a", "b"]));
    assert!(like.unwrap_err().to_string().contains("Text"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..2000, new in any::<u8>()) {
        let mut marked = b"kilterPR\x01\x03".to_vec();
        marked.extend(&bytes);
        prop_assert!(TableProfile::from_bytes(&marked).is_err());
        let mut damaged = TableProfile::new(60, vec![ColumnProfile::of("x", Stored::Float, numbers(normals(1, 60)))]).to_bytes();
        let at = at % damaged.len();
        damaged[at] = new;
        let _ = TableProfile::from_bytes(&damaged);
    }
}
