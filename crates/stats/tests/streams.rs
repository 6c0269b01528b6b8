//! False alarms and delay on streams whose rows depend on each other and follow seasons: the table of
//! `docs/reference/statistics.md`. The whole of it: `cargo test -p kilter-stats --test streams -- --ignored --nocapture`.

use kilter_stats::drift::{
    Block, DistributionRef, Measure, NumericReference, RowTimes, Season, SeasonalStrata, StandardisedReference, Tally,
    Variation, find_season,
};
use kilter_stats::random::Random;
use kilter_stats::sequential::{Basis, ColumnEvidence, Directions, WindowReference};

/// Windows that pass, on average, before one false alarm.
const BUDGET: f64 = 1000.0;
/// Windows of a stream.
const WINDOWS: usize = 300;

/// One kind of stream: a level that remembers itself from step to step, a season, and rows around the level.
#[derive(Clone, Copy)]
struct Kind {
    /// Hours of a step, which share one level.
    step: i64,
    /// Hours of a window.
    every: i64,
    /// Hours of a block.
    block: i64,
    /// Steps of the reference.
    reference: usize,
    rho: f64,
    season: Option<Season>,
    /// Mean rows of a step; by the hour of the day where they follow it.
    rows: f64,
    follows_day: bool,
    /// Rows around the level, in standard deviations of it.
    noise: f64,
    /// By how much the level climbs over the reference; afterwards it stays.
    climb: f64,
}

impl Kind {
    fn rows_at(&self, random: &mut Random, hour: i64) -> usize {
        let mean = match self.follows_day {
            true => self.rows * (1.0 + 0.8 * (std::f64::consts::TAU * (hour % 24) as f64 / 24.0).sin()),
            false if self.noise == 0.0 => return self.rows as usize,
            false => self.rows,
        };
        // Knuth's: products of uniforms.
        let (mut count, mut product, limit) = (0, random.uniform(), (-mean).exp());
        while product > limit {
            count += 1;
            product *= random.uniform();
        }
        count
    }

    fn level(&self, hour: i64) -> f64 {
        let part = match self.season {
            Some(Season::HourOfDay) => (hour % 24) as f64 / 24.0,
            Some(Season::DayOfWeek | Season::HourOfWeek) => (hour % 168) as f64 / 168.0,
            Some(Season::MonthOfYear) => hour as f64 / 8766.0,
            None => return 0.0,
        };
        1.5 * (std::f64::consts::TAU * part).cos()
    }
}

/// Rows with their hours.
#[derive(Default)]
struct Rows {
    hours: Vec<i64>,
    values: Vec<f64>,
}

struct Source {
    kind: Kind,
    random: Random,
    at: i64,
    level: f64,
}

impl Source {
    fn new(kind: Kind, seed: u64) -> Self {
        let mut random = Random::seeded(seed);
        let level = random.normal();
        Source { kind, random, at: 0, level }
    }

    fn take(&mut self, steps: usize, shift: f64) -> Rows {
        let Kind { step, rho, noise, climb, reference, .. } = self.kind;
        let mut rows = Rows::default();
        for _ in 0..steps {
            self.level = rho * self.level + (1.0 - rho * rho).sqrt() * self.random.normal();
            for _ in 0..self.kind.rows_at(&mut self.random, self.at) {
                let around = self.level + noise * self.random.normal();
                rows.hours.push(self.at);
                let climbed = climb * (self.at as f64 / (step * reference as i64) as f64).min(1.0);
                rows.values.push(self.kind.level(self.at) + climbed + around / (1.0 + noise * noise).sqrt() + shift);
            }
            self.at += step;
        }
        rows
    }
}

impl Rows {
    fn clock(&self) -> RowTimes {
        // Months of 30.4 days do as well as those of the calendar here.
        RowTimes { hours: self.hours.clone(), months: self.hours.iter().map(|hour| hour * 12 / 8766).collect() }
    }
}

struct Frozen {
    reference: NumericReference,
    strata: Option<SeasonalStrata>,
    tallies: Vec<Tally>,
    variation: Option<Variation>,
    directions: Directions,
}

impl Frozen {
    fn of(kind: Kind, rows: &Rows) -> Self {
        let reference = NumericReference::of(&rows.values).unwrap();
        let clock = rows.clock();
        let strata = find_season(&clock, std::slice::from_ref(&rows.values))
            .and_then(|season| SeasonalStrata::of_season(season, &clock));
        let law = DistributionRef::Numeric(&reference);
        let mut tallies = vec![Tally::empty(law.width()); strata.as_ref().map_or(1, SeasonalStrata::count)];
        for (row, stratum) in stratum(strata.as_ref(), &clock).into_iter().enumerate() {
            tallies[usize::from(stratum)].add(reference.code(rows.values[row]));
        }
        let blocks = blocks(kind, &reference, strata.as_ref(), rows);
        let variation = Variation::learn(law, &tallies, &blocks).ok();
        let directions = Directions::learn(law, &tallies, &blocks);
        Frozen { reference, strata, tallies, variation, directions }
    }

    fn rows_evidence(&self) -> ColumnEvidence {
        let strata: Vec<NumericReference> = self.tallies.iter().map(|tally| self.reference.stratum(tally)).collect();
        ColumnEvidence::numeric_strata(&strata.iter().collect::<Vec<_>>())
    }

    /// PSI, and what is left of it after its expectation.
    fn psi(&self, blocks: &[Block]) -> Option<(f64, f64)> {
        let law = DistributionRef::Numeric(&self.reference);
        let mut window = Block::default();
        blocks.iter().for_each(|block| window.merge(block));
        let matched = StandardisedReference::of(law, &self.tallies, &window.values(law.width())).ok()?;
        let whole = window.whole(law.width());
        let distance = matched.tallied(&whole, Measure::Psi).ok()?;
        let expected =
            self.variation.as_ref().map_or(distance.expected, |known| known.expected(&distance, blocks.len()).value);
        Some((distance.value, (distance.value - expected).max(0.0)))
    }
}

fn stratum(strata: Option<&SeasonalStrata>, clock: &RowTimes) -> Vec<u16> {
    let Some(strata) = strata else { return vec![0; clock.hours.len()] };
    let at = match strata.cycle() {
        kilter_stats::drift::SeasonalCycle::Week => &clock.hours,
        kilter_stats::drift::SeasonalCycle::Year => &clock.months,
    };
    at.iter().map(|at| strata.of(*at) as u16).collect()
}

fn blocks(kind: Kind, reference: &NumericReference, strata: Option<&SeasonalStrata>, rows: &Rows) -> Vec<Block> {
    let codes: Vec<u32> = rows.values.iter().map(|value| reference.code(*value)).collect();
    let block: Vec<i64> = rows.hours.iter().map(|hour| hour / kind.block).collect();
    Block::cut(&codes, &block, &stratum(strata, &rows.clock())).unwrap()
}

/// What a stream came to: the first window in which the evidence of rows alone, that of windows, both together, and an
/// alert (both, and 0.1 of PSI beyond what is expected) were there.
#[derive(Default)]
struct Came {
    first: [Option<usize>; 4],
    basis: Option<Basis>,
    psi: Vec<f64>,
    is_seasonal: bool,
}

fn stream(kind: Kind, seed: u64, windows: usize, shift: f64) -> Came {
    let mut source = Source::new(kind, seed);
    let frozen = Frozen::of(kind, &source.take(kind.reference, 0.0));
    let law = DistributionRef::Numeric(&frozen.reference);
    let by_window = WindowReference::of(law, &frozen.tallies, &frozen.directions).unwrap();
    let (mut rows_evidence, mut evidence) = (frozen.rows_evidence(), by_window.begin());
    let mut came =
        Came { basis: Some(frozen.directions.basis), is_seasonal: frozen.strata.is_some(), ..Came::default() };
    for window in 0..windows {
        let rows = source.take((kind.every / kind.step) as usize, shift);
        let blocks = blocks(kind, &frozen.reference, frozen.strata.as_ref(), &rows);
        by_window.update(&mut evidence, &blocks, 1.0);
        let mut whole = Block::default();
        blocks.iter().for_each(|block| whole.merge(block));
        let counts: Vec<(usize, _)> =
            whole.strata(law.width()).iter().map(|(at, tally)| (*at, frozen.reference.as_counts(tally))).collect();
        let parts: Vec<(usize, &_)> = counts.iter().map(|(stratum, counts)| (*stratum, counts)).collect();
        rows_evidence.update_numeric_strata(&parts).unwrap();
        let psi = frozen.psi(&blocks);
        came.psi.extend(psi.map(|psi| psi.0));
        let both = rows_evidence.detector().min(evidence.detector()) >= BUDGET;
        let is_far = psi.is_some_and(|(_, effect)| effect >= 0.1);
        let now = [rows_evidence.detector() >= BUDGET, evidence.detector() >= BUDGET, both, both && is_far];
        came.first.iter_mut().zip(now).for_each(|(first, now)| *first = first.or(now.then_some(window)));
    }
    came
}

fn share(streams: &[Came], at: usize) -> f64 {
    streams.iter().filter(|came| came.first[at].is_some()).count() as f64 / streams.len() as f64
}

fn delay(streams: &[Came]) -> String {
    let mut delays: Vec<usize> =
        streams.iter().map(|came| came.first[3].map_or(usize::MAX, |first| first + 1)).collect();
    delays.sort_unstable();
    match delays[delays.len() / 2] {
        usize::MAX => "–".to_owned(),
        median => median.to_string(),
    }
}

fn run(kind: Kind, count: u64, windows: usize, shift: f64) -> Vec<Came> {
    std::thread::scope(|scope| {
        let half = |from: u64| {
            scope.spawn(move || {
                (from..count).step_by(2).map(|seed| stream(kind, seed, windows, shift)).collect::<Vec<_>>()
            })
        };
        let (a, b) = (half(0), half(1));
        a.join().unwrap().into_iter().chain(b.join().unwrap()).collect()
    })
}

fn row(name: &str, kind: Kind, count: u64) -> (f64, f64) {
    // `ONLY=days` looks at some of the rows.
    if std::env::var("ONLY").is_ok_and(|only| !name.contains(&only)) {
        return (0.0, 0.0);
    }
    let clean = run(kind, count, WINDOWS, 0.0);
    let few = clean.iter().filter(|came| came.basis == Some(Basis::TooFew)).count() as f64 / clean.len() as f64;
    let seasonal = clean.iter().filter(|came| came.is_seasonal).count() as f64 / clean.len() as f64;
    let mut psi: Vec<f64> = clean.iter().flat_map(|came| came.psi.iter().copied()).collect();
    psi.sort_unstable_by(f64::total_cmp);
    let delays = [0.5, 1.0].map(|shift| delay(&run(kind, count.min(40), WINDOWS, shift)));
    println!(
        "| {name} | {:.0} | {:.1} | {:.1} | {:.1} | {} | {} | {:.0} | {:.0} | {:.3} |",
        100.0 * share(&clean, 0),
        100.0 * share(&clean, 1),
        100.0 * share(&clean, 2),
        100.0 * share(&clean, 3),
        delays[0],
        delays[1],
        100.0 * few,
        100.0 * seasonal,
        psi.get(psi.len() / 2).copied().unwrap_or(f64::NAN),
    );
    (share(&clean, 2), share(&clean, 3))
}

/// Hours that share a level; windows of a day.
const HOURLY: Kind = Kind {
    step: 1,
    every: 24,
    block: 24,
    reference: 24 * 120,
    rho: 0.0,
    season: None,
    rows: 10.0,
    follows_day: false,
    noise: 1.0,
    climb: 0.0,
};
/// Days of one row; windows of four weeks.
const DAILY: Kind =
    Kind { step: 24, every: 24 * 28, block: 24 * 7, reference: 365 * 6, rows: 1.0, noise: 0.0, ..HOURLY };

#[test]
#[ignore = "a simulation of some minutes"]
fn false_alarms_and_delay_on_streams_that_depend_and_turn() {
    let count: u64 = std::env::var("STREAMS").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    println!("| stream | rows alone | windows | both | alerts | 0.5 sd | 1 sd | too few | seasonal | PSI |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut worst: f64 = 0.0;
    for rho in [0.0, 0.5, 0.7, 0.9, 0.95] {
        let (evidence, alerts) = row(&format!("hours, AR {rho}, windows of a day"), Kind { rho, ..HOURLY }, count);
        worst = worst.max(evidence).max(alerts);
    }
    for rho in [0.0, 0.5, 0.7, 0.9, 0.95] {
        let kind = Kind { rho, every: 1, block: 1, reference: 24 * 60, ..HOURLY };
        worst = worst.max(row(&format!("hours, AR {rho}, batches of one hour"), kind, count).0);
    }
    for rho in [0.0, 0.5, 0.7, 0.9, 0.95] {
        worst = worst.max(row(&format!("days, AR {rho}, windows of four weeks"), Kind { rho, ..DAILY }, count).0);
    }
    for (name, season) in [("daily", Season::HourOfDay), ("weekly", Season::HourOfWeek)] {
        for rho in [0.5, 0.9] {
            let kind = Kind { rho, season: Some(season), follows_day: true, ..HOURLY };
            worst = worst.max(row(&format!("hours, AR {rho}, {name} season, Poisson by hour"), kind, count).0);
            let kind = Kind { every: 1, block: 1, reference: 24 * 60, ..kind };
            worst = worst.max(row("the same, batches of one hour", kind, count).0);
        }
    }
    for rho in [0.5, 0.8, 0.95] {
        let kind = Kind { rho, season: Some(Season::MonthOfYear), ..DAILY };
        worst = worst.max(row(&format!("days, AR {rho}, yearly season, windows of four weeks"), kind, count).0);
        let kind = Kind { every: 24 * 7, ..kind };
        worst = worst.max(row("the same, windows of a week", kind, count).0);
    }
    // References of a year: how long they remember themselves is hardly known, or not at all.
    let short = Kind { reference: 365, ..DAILY };
    for rho in [0.5, 0.9, 0.95, 0.98] {
        worst =
            worst.max(row(&format!("a year of days, AR {rho}, windows of four weeks"), Kind { rho, ..short }, count).0);
    }
    for climb in [1.0, 3.0] {
        let kind = Kind { climb, rho: 0.5, ..short };
        worst = worst.max(row(&format!("a year of days, AR 0.5, after a climb by {climb} sd"), kind, count).0);
    }
    let promised = WINDOWS as f64 / BUDGET;
    assert!(worst <= promised, "{worst} of the streams had a false alarm, {promised} may");
}

#[test]
fn a_column_that_climbed_is_compared_with_the_levels_that_it_passed() {
    let kind = Kind { climb: 3.0, rho: 0.5, reference: 365, ..DAILY };
    let quiet = run(kind, 10, 60, 0.0);
    assert!(quiet.iter().all(|came| came.basis == Some(Basis::Learned)), "one climb, not one block");
    assert!(quiet.iter().filter(|came| came.first[3].is_some()).count() <= 2, "where it has arrived is no change");
    let gone_on = run(kind, 10, 60, 2.0);
    assert!(gone_on.iter().all(|came| came.first[3].is_some_and(|first| first < 30)));
    // Levels that wander for as long as the reference is are no climb, and nothing is said.
    let wandering = run(Kind { rho: 0.995, climb: 0.0, ..kind }, 10, 60, 2.0);
    assert!(wandering.iter().filter(|came| came.basis == Some(Basis::TooFew)).count() >= 8);
}
