//! Which seasons a column follows, and how windows of a reference with a season are compared.

use kilter_stats::drift::{
    Block, CategoricalReference, DistributionRef, Measure, NumericReference, RowTimes, Season, SeasonEffect,
    SeasonalCycle, SeasonalStrata, StandardisedReference, Tally, Variation, categorical_tally, find_season,
};
use kilter_stats::random::Random;

/// `rows` rows an hour over `weeks` weeks, with a value of the hour of the week.
fn weeks(random: &mut Random, weeks: i64, rows: usize, level: impl Fn(i64) -> f64) -> (RowTimes, Vec<f64>) {
    let hours: Vec<i64> = (0..weeks * 168).flat_map(|hour| vec![hour; rows]).collect();
    let value = hours.iter().map(|hour| level(*hour) + random.normal()).collect();
    (RowTimes { months: hours.iter().map(|hour| hour / 730).collect(), hours }, value)
}

fn wave(hour: i64) -> f64 {
    (std::f64::consts::TAU * (hour % 24) as f64 / 24.0).sin()
}

fn weekend(hour: i64) -> f64 {
    if hour % 168 >= 120 { 2.0 } else { 0.0 }
}

#[test]
fn a_season_is_found_by_what_comes_again_and_noise_has_none() {
    let mut random = Random::seeded(6);
    let mut found = |level: &dyn Fn(i64) -> f64| {
        let (clock, value) = weeks(&mut random, 4, 10, level);
        find_season(&clock, &[value])
    };
    assert_eq!(found(&|_| 0.0), None);
    assert_eq!(found(&wave), Some(Season::HourOfDay));
    assert_eq!(found(&weekend), Some(Season::DayOfWeek));
    assert_eq!(found(&|hour| 1.5 * wave(hour) + weekend(hour)), Some(Season::HourOfWeek));
}

#[test]
fn what_happened_once_is_no_season() {
    let mut random = Random::seeded(7);
    // Four days: the day of the week explains much, and none came twice.
    let hours: Vec<i64> = (0..96).flat_map(|hour| [hour; 20]).collect();
    let clock = RowTimes { months: vec![0; hours.len()], hours };
    let value: Vec<f64> = clock.hours.iter().map(|hour| (hour / 24) as f64 + random.normal()).collect();
    assert!(SeasonEffect::of(Season::DayOfWeek, &clock, &value).unwrap().explained > 0.3);
    assert_eq!(find_season(&clock, &[value]), None);
}

#[test]
fn months_that_are_alike_over_years_are_a_season_and_a_wandering_level_is_not() {
    let mut random = Random::seeded(9);
    let months: Vec<i64> = (0..48).flat_map(|month| [month; 30]).collect();
    let clock = RowTimes { hours: (0..months.len() as i64).map(|day| 24 * day).collect(), months };
    let yearly = |month: i64| (std::f64::consts::TAU * (month % 12) as f64 / 12.0).cos();
    let value: Vec<f64> = clock.months.iter().map(|month| yearly(*month) + random.normal()).collect();
    let effect = SeasonEffect::of(Season::MonthOfYear, &clock, &value).unwrap();
    // A cosine of amplitude 1 beside noise of variance 1 explains a third.
    assert!((effect.explained - 1.0 / 3.0).abs() < 0.05 && effect.periods == 4.0, "{effect:?}");
    assert_eq!(find_season(&clock, &[value]), Some(Season::MonthOfYear));
    // Days that remember each other for a month differ between months as much, and between years of a month too.
    let mut spurious = 0;
    for _ in 0..100 {
        let mut level = 0.0;
        let value: Vec<f64> = clock
            .months
            .iter()
            .map(|_| {
                level = 0.97 * level + 0.243 * random.normal();
                level
            })
            .collect();
        spurious += usize::from(find_season(&clock, &[value]) == Some(Season::MonthOfYear));
    }
    assert!(spurious <= 6, "{spurious} of 100");
}

#[test]
fn slots_of_which_there_is_too_little_have_no_like() {
    // January to March of two years, and one row of July.
    let months: Vec<i64> = [0, 1, 2, 12, 13, 14].into_iter().flat_map(|month| [month; 30]).chain([6]).collect();
    let clock = RowTimes { hours: vec![0; months.len()], months };
    let strata = SeasonalStrata::of_season(Season::MonthOfYear, &clock).unwrap();
    assert_eq!((strata.cycle(), strata.count(), strata.unseen()), (SeasonalCycle::Year, 4, Some(3)));
    assert_eq!([0, 1, 2, 3, 6, 14].map(|month| strata.of(month)), [0, 1, 2, 3, 3, 2]);
    let json = serde_json::to_string(&strata).unwrap();
    assert_eq!(serde_json::from_str::<SeasonalStrata>(&json).unwrap(), strata);
    assert!(serde_json::from_str::<SeasonalStrata>(r#"{"of_hour":[0]}"#).is_err(), "a week has 168 hours");
    assert_eq!(SeasonalStrata::of_season(Season::HourOfDay, &clock), None, "one slot is no season");
}

#[test]
fn one_stratum_is_the_pooled_distance() {
    let mut random = Random::seeded(11);
    let reference: Vec<f64> = (0..3000).map(|_| random.normal()).collect();
    let current: Vec<f64> = (0..400).map(|_| 1.2 * random.normal() + 0.3).collect();
    let frozen = NumericReference::of(&reference).unwrap();
    let (law, counts) = (DistributionRef::Numeric(&frozen), frozen.count(&current));
    let tallies = [law.tally()];
    let matched = StandardisedReference::of(law, &tallies, &[(0, 400.0)]).unwrap();
    assert_eq!(matched.rows(), 3000.0);
    for measure in Measure::NUMERIC {
        let (whole, like) = (frozen.distance(&counts, measure).unwrap(), matched.numeric(&counts, measure).unwrap());
        assert!((whole.value - like.value).abs() < 1e-9, "{measure:?}: {whole:?} {like:?}");
        assert!((whole.expected - like.expected).abs() < 0.01 * whole.expected.max(1e-9), "{whole:?} {like:?}");
    }
    let kinds = CategoricalReference::of((0..1000).map(|i| Some(["a", "b", "c"][i % 7 % 3]))).unwrap();
    let window = kinds.count((0..90).map(|i| Some(["a", "b", "c", "d"][i % 5 % 4])));
    let law = DistributionRef::Categorical(&kinds);
    let matched = StandardisedReference::of(law, &[law.tally()], &[(0, 90.0)]).unwrap();
    for measure in Measure::CATEGORICAL {
        let like = matched.tallied(&categorical_tally(&window), measure).unwrap();
        assert!((kinds.distance(&window, measure).unwrap().value - like.value).abs() < 1e-9, "{measure:?}");
    }
}

/// By hand: two strata of 100 rows with shares 0.9 and 0.2 of `a`; a window of 30 rows, 20 of the first.
#[test]
fn strata_are_weighted_as_the_window_has_them() {
    let kinds = CategoricalReference::of((0..200).map(|i| Some(if i < 110 { "a" } else { "b" }))).unwrap();
    let law = DistributionRef::Categorical(&kinds);
    let stratum = |a: u64| Tally { bins: vec![a, 100 - a, 0, 0], missing: 3, infinite: 0 };
    let strata = [stratum(90), stratum(20), Tally::empty(4)];
    let matched = StandardisedReference::of(law, &strata, &[(0, 20.0), (1, 10.0), (2, 5.0)]).unwrap();
    // Share of `a`: 2/3 of 0.9 and 1/3 of 0.2; what has no like has no part.
    let p = 2.0 / 3.0 * 0.9 + 1.0 / 3.0 * 0.2;
    assert!((matched.rows() - 1.0 / (4.0 / 9.0 / 100.0 + 1.0 / 9.0 / 100.0)).abs() < 1e-9, "{}", matched.rows());
    let window = Tally { bins: vec![15, 15, 0, 0], missing: 1, infinite: 0 };
    let tvd = matched.tallied(&window, Measure::Tvd).unwrap();
    assert!((tvd.value - (p - 0.5)).abs() < 1e-12, "{tvd:?}");
    let psi = matched.tallied(&window, Measure::Psi).unwrap();
    let by_hand = (p - 0.5) * (p / 0.5).ln() + (1.0 - p - 0.5) * ((1.0 - p) / 0.5).ln();
    assert!((psi.value - by_hand).abs() < 1e-12, "{psi:?} {by_hand}");
    assert!(StandardisedReference::of(law, &strata, &[(2, 5.0)]).is_err(), "no row has its like");
}

#[test]
fn a_stratum_reads_back_and_no_bytes_break_it() {
    let tally = Tally { bins: vec![0, 3, 0, 0, 900, 1], missing: 7, infinite: 2 };
    let bytes = tally.to_bytes();
    assert_eq!(Tally::from_bytes(&bytes).unwrap(), tally);
    for end in 0..bytes.len() {
        assert!(Tally::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    let mut random = Random::seeded(3);
    for _ in 0..2000 {
        let mut changed = bytes.clone();
        changed[random.below(bytes.len())] = random.bits() as u8;
        let _ = Tally::from_bytes(&changed);
    }
}

/// Blocks that share a level: what is expected of a window is what such windows show, and not what independent rows do.
#[test]
fn windows_of_the_reference_say_what_is_expected() {
    let mut random = Random::seeded(17);
    let mut rows = |blocks: i64| -> (Vec<f64>, Vec<i64>) {
        let of_block = |block: i64| {
            let level = random.normal();
            (0..20).map(|_| (0.7 * level + 0.7 * random.normal(), block)).collect::<Vec<_>>()
        };
        (0..blocks).flat_map(of_block).unzip()
    };
    let ((reference, block), (window, of_window)) = (rows(200), rows(8));
    let frozen = NumericReference::of(&reference).unwrap();
    let law = DistributionRef::Numeric(&frozen);
    let codes: Vec<u32> = reference.iter().map(|value| frozen.code(*value)).collect();
    let blocks = Block::cut(&codes, &block, &vec![0; codes.len()]).unwrap();
    let variation = Variation::learn(law, &[law.tally()], &blocks).unwrap();
    for measure in [Measure::Psi, Measure::Js, Measure::Ks, Measure::W1OverSd, Measure::Tvd] {
        let distance = frozen.distance(&frozen.count(&window), measure).unwrap();
        let expected = variation.expected(&distance, of_window.last().map_or(0, |last| *last as usize + 1));
        assert!((expected.windows, expected.is_as_long) == (25, true), "{expected:?}");
        // PSI goes with the square of the others.
        let more = if measure == Measure::Psi { 1.5 } else { 1.2 };
        assert!(expected.value > more * distance.expected, "{measure:?}: {distance:?} {expected:?}");
        assert!(distance.value < 2.5 * expected.value, "{measure:?}: {distance:?} {expected:?}");
    }
    let short = variation.expected(&frozen.distance(&frozen.count(&window), Measure::Psi).unwrap(), 5000);
    assert!(!short.is_as_long && short.windows >= 4, "{short:?}");
    assert!(Variation::learn(law, &[law.tally()], &blocks[..3]).is_err());
}
