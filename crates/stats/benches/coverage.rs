//! How often intervals hold what they should, by simulation: every metric of the catalogue, on independent rows and on
//! rows that come five at a time; confidence sequences at all times; estimates without labels; gaps between groups.
//!
//! `cargo bench -p kilter-stats --bench coverage` prints the table of `docs/reference/statistics.md`. Nominal is 95 %.

use kilter_stats::Estimate;
use kilter_stats::fairness::{Groups, calibration_by_group};
use kilter_stats::performance::{
    BinaryRows, Labelled, Metric, MulticlassRows, RankingRows, Rate, RegressionRows, Task, metric,
};
use kilter_stats::performance_estimation::{Calibration, Expected, powered_mean};
use kilter_stats::random::Random;
use kilter_stats::sequential::{BettingSequence, EmpiricalBernstein, distribution_band, msprt};

const DRAWS: u64 = 400;
/// Independent units of a sample.
const UNITS: usize = 400;
/// Rows of a unit where rows depend on each other.
const REPEATS: usize = 5;
const POPULATION: usize = 300_000;

/// Rows of every kind of task, drawn from one law each.
#[derive(Default)]
struct World {
    truth: Vec<bool>,
    score: Vec<f64>,
    class: Vec<u32>,
    probability: Vec<f64>,
    value: Vec<f64>,
    predicted: Vec<f64>,
    query: Vec<u32>,
    gain: Vec<f64>,
    rank: Vec<f64>,
    unit: Vec<u32>,
}

impl World {
    /// `units` independent ones, each standing in `repeats` rows.
    fn draw(seed: u64, units: usize, repeats: usize) -> Self {
        let (mut random, mut world) = (Random::seeded(seed), World::default());
        for unit in 0..units {
            let z = random.normal();
            let truth = random.uniform() < 1.0 / (1.0 + (0.7 - z).exp());
            let score = 1.0 / (1.0 + (0.7 - z - 0.4 * random.normal()).exp());
            let raised: [f64; 3] = std::array::from_fn(|_| random.normal().exp());
            let sum: f64 = raised.iter().sum();
            let pick = random.uniform() * sum;
            let class = if pick < raised[0] { 0 } else { 1 + u32::from(pick >= raised[0] + raised[1]) };
            let value = (0.5 * random.normal() + 3.0).exp();
            let predicted = value * (0.2 * random.normal()).exp();
            for repeat in 0..repeats {
                world.truth.push(truth);
                world.score.push(score);
                world.class.push(class);
                world.probability.extend(raised.iter().map(|part| part / sum));
                world.value.push(value);
                world.predicted.push(predicted);
                world.unit.push(unit as u32);
                let query = (unit * repeats + repeat) as u32;
                for _ in 0..8 {
                    let gain = f64::from(u8::from(random.uniform() < 0.3));
                    world.query.push(query);
                    world.gain.push(gain);
                    world.rank.push(gain + random.normal());
                }
            }
        }
        world
    }

    fn rows(&self, task: Task) -> Labelled<'_> {
        match task {
            Task::Binary => Labelled::Binary(BinaryRows::scored(&self.truth, &self.score, 0.5).unwrap()),
            Task::Multiclass => {
                Labelled::Multiclass(MulticlassRows::scored(&self.class, 3, &self.probability).unwrap())
            }
            Task::Regression => Labelled::Regression(RegressionRows::new(&self.value, &self.predicted).unwrap()),
            Task::Ranking => Labelled::Ranking(RankingRows::new(&self.query, &self.gain, &self.rank).unwrap()),
        }
    }
}

fn percent(held: usize, of: u64) -> String {
    format!("{:.1}", 100.0 * held as f64 / of as f64)
}

fn metrics() {
    println!("| metric | independent rows | rows five at a time | the same, as clusters |\n|---|---|---|---|");
    let population = World::draw(1, POPULATION, 1);
    for task in [Task::Binary, Task::Multiclass, Task::Regression, Task::Ranking] {
        for entry in Metric::catalogue(task) {
            let Ok(law) = entry.metric.measure(&population.rows(task), 0.95) else { continue };
            let (mut alone, mut together, mut clustered, mut can_cluster) = (0, 0, 0, task != Task::Ranking);
            for draw in 0..DRAWS {
                let independent = World::draw(1000 + draw, UNITS, 1);
                let dependent = World::draw(9000 + draw, UNITS / REPEATS, REPEATS);
                let holds =
                    |estimate: kilter_stats::MetricResult<Estimate>| estimate.is_ok_and(|got| got.holds(law.value));
                alone += usize::from(holds(entry.metric.measure(&independent.rows(task), 0.95)));
                together += usize::from(holds(entry.metric.measure(&dependent.rows(task), 0.95)));
                if can_cluster {
                    let by_unit = entry.metric.measure_clustered(&dependent.rows(task), &dependent.unit, 0.95);
                    can_cluster = by_unit.is_ok();
                    clustered += usize::from(holds(by_unit));
                }
            }
            let last = if can_cluster { percent(clustered, DRAWS) } else { "not offered".to_owned() };
            let name = format!("{task:?} {}", entry.name).to_lowercase();
            println!("| {name} | {} | {} | {last} |", percent(alone, DRAWS), percent(together, DRAWS));
        }
    }
}

fn estimates() {
    println!("\n| without or with few labels, and between groups | held |\n|---|---|");
    let reference = World::draw(2, 20_000, 1);
    let rows = BinaryRows::scored(&reference.truth, &reference.score, 0.5).unwrap();
    let calibration = Calibration::fit(&rows).unwrap();
    for name in ["auc", "accuracy", "precision", "recall", "f1", "brier"] {
        let held = (0..DRAWS).filter(|draw| {
            let world = World::draw(20_000 + draw, 1000, 1);
            let decision: Vec<bool> = world.score.iter().map(|score| *score >= 0.5).collect();
            let expected = Expected::new(&world.score, &decision, &calibration).unwrap();
            let realised = metric(name, &world.rows(Task::Binary)).unwrap().value;
            expected.estimate(name, &calibration, 0.95, 200, *draw).unwrap().holds(realised)
        });
        println!("| CBPE {name}: the realised value of the same 1,000 rows | {} |", percent(held.count(), DRAWS));
    }
    let held = (0..DRAWS).filter(|draw| {
        let mut random = Random::seeded(30_000 + draw);
        let mut pair = || {
            let x = random.normal();
            (x + 0.5 * random.normal(), x)
        };
        let labelled: Vec<(f64, f64)> = (0..60).map(|_| pair()).collect();
        let unlabelled: Vec<f64> = (0..2000).map(|_| pair().1).collect();
        let (truth, estimate): (Vec<f64>, Vec<f64>) = labelled.into_iter().unzip();
        powered_mean(&truth, &estimate, &unlabelled, 0.95).unwrap().holds(0.0)
    });
    println!("| PPI++ mean, 60 labels of 2,060 rows | {} |", percent(held.count(), DRAWS));
    groups();
}

fn groups() {
    let (mut gap, mut lone, mut apart) = (0, 0, 0);
    for draw in 0..DRAWS {
        let mut random = Random::seeded(40_000 + draw);
        let (mut group, mut truth, mut decision, mut score) = (vec![], vec![], vec![], vec![]);
        for _ in 0..1200 {
            let (g, s) = (random.below(4), random.uniform());
            group.push(g as u32);
            truth.push(random.uniform() < s);
            decision.push(random.uniform() < [0.5, 0.45, 0.4, 0.35][g]);
            score.push(s);
        }
        let table = Groups::of(&group, 4, &truth, &decision, None).unwrap();
        gap += usize::from(table.gap(Rate::SelectionRate, 0.95, 30).unwrap().difference.holds(0.15));
        let made = calibration_by_group(&group, 4, &truth, &score, None, (0.95, 30)).unwrap();
        lone += usize::from(made.groups[0].gap.holds(0.0));
        apart += usize::from(made.apart.unwrap().2.holds(0.0));
    }
    println!(
        "| largest selection-rate gap of four groups (picked, then Newcombe with Bonferroni) | {} |",
        percent(gap, DRAWS)
    );
    println!("| calibration gap of one group | {} |", percent(lone, DRAWS));
    println!("| largest difference of calibration gaps of four groups | {} |", percent(apart, DRAWS));
}

/// Values on [0, 1], independent or each close to the one before.
fn stream(random: &mut Random, before: &mut f64, is_chained: bool) -> f64 {
    let rho: f64 = if is_chained { 0.9 } else { 0.0 };
    *before = rho * *before + (1.0 - rho * rho).sqrt() * random.normal();
    kilter_stats::distributions::normal_cdf(*before)
}

fn sequences() {
    println!(
        "\n| at all times up to 2,000 rows | independent rows | each close to the one before (0.9) |\n|---|---|---|"
    );
    let names = ["empirical Bernstein sequence of a mean", "betting sequence of a mean", "band of a distribution"];
    let mut held = [[0usize; 2]; 3];
    let mut crossed = [0usize; 2];
    for (chained, is_chained) in [false, true].into_iter().enumerate() {
        for draw in 0..DRAWS {
            let mut random = Random::seeded(50_000 + draw);
            let mut before = random.normal();
            let mut bernstein = EmpiricalBernstein::new((0.0, 1.0), 0.95).unwrap();
            let mut betting = BettingSequence::new((0.0, 1.0), 0.95).unwrap();
            let (mut ok, mut sum, mut over) = ([true; 3], 0.0, false);
            let mut below = [0u64; 19];
            for n in 1..=2000u64 {
                let x = stream(&mut random, &mut before, is_chained);
                bernstein.add(x).unwrap();
                betting.add(x).unwrap();
                below.iter_mut().enumerate().for_each(|(at, count)| *count += u64::from(x <= (at + 1) as f64 / 20.0));
                ok[0] &= bernstein.estimate().unwrap().holds(0.5);
                // The set of a betting sequence is costly to read: at every tenth row.
                ok[1] &= n % 10 != 0 || betting.estimate().unwrap().holds(0.5);
                let band = distribution_band(n, 0.95);
                let off = |at: usize, count: &u64| (*count as f64 / n as f64 - (at + 1) as f64 / 20.0).abs();
                ok[2] &= below.iter().enumerate().all(|(at, count)| off(at, count) <= band);
                sum += x - 0.5;
                over |= msprt(sum / n as f64, n, 1.0 / 12.0, 0.01).unwrap() >= 20.0;
            }
            held.iter_mut().zip(ok).for_each(|(held, ok)| held[chained] += usize::from(ok));
            crossed[chained] += usize::from(!over);
        }
    }
    for (name, held) in names.iter().zip(held) {
        println!("| {name} | {} | {} |", percent(held[0], DRAWS), percent(held[1], DRAWS));
    }
    println!(
        "| mSPRT of no difference never reaches 20 | {} | {} |",
        percent(crossed[0], DRAWS),
        percent(crossed[1], DRAWS)
    );
}

fn main() {
    metrics();
    estimates();
    sequences();
}
