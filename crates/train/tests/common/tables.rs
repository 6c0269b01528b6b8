//! Small tables for tests, made by a seed.

use std::sync::Arc;

use kilter_domain::table::{Column, Table};

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    /// Roughly normal.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }

    pub fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }
}

/// Which columns a [`people`] table has beyond its two numbers.
#[derive(Clone, Copy, Default)]
pub struct With {
    pub missing: bool,
    pub categories: bool,
    pub times: bool,
    pub text: bool,
    pub bools: bool,
}

/// Every column there is.
#[allow(dead_code)]
pub const ALL: With = With { missing: true, categories: true, times: true, text: true, bools: true };

const CITIES: [&str; 7] = ["Boston", "New York", "Århus", "São Paulo", "O'Fallon", "京都", "a \"b\", c"];
const WORDS: [&str; 14] = [
    "refund,",
    "Refund",
    "delay",
    "delay.",
    "(card)",
    "card",
    "app-crash",
    "app-login",
    "the",
    "The",
    "bank",
    "élan",
    "of",
    "os.path",
];

fn some<T>(dice: &mut Dice, with: With, value: T) -> Option<T> {
    (!with.missing || dice.share() > 0.1).then_some(value)
}

/// Rows with a hidden score that depends on all columns, and targets made of it: `binary` (texts), `flag` (0 and 1),
/// `kind` (three texts), `level` (four whole numbers), `value` (a number) and `weight`.
pub fn people(rows: usize, seed: u64, with: With) -> Table {
    let mut dice = Dice(seed);
    let (mut age, mut income) = (Vec::new(), Vec::new());
    let (mut city, mut joined, mut note, mut member) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut scores = Vec::new();
    for _ in 0..rows {
        let (years, money) = (18 + dice.below(60) as i64, (dice.normal() * 1.2 + 10.0).exp());
        let at_city = dice.below(CITIES.len());
        let time = 1_500_000_000_000 + (dice.roll() % (3 * 365 * 86_400)) as i64 * 1_000;
        let words: Vec<&str> = (0..3 + dice.below(9)).map(|_| dice.pick(&WORDS)).collect();
        let is_member = dice.share() < 0.4;
        let hour = (time / 3_600_000) % 24;
        let about_refund = words.iter().any(|word| word.to_lowercase().contains("refund"));
        let mut score = (years as f64 - 45.0) / 15.0 + (money.ln() - 10.0) * 0.8 + dice.normal() * 0.5;
        score += if with.categories { [1.5, -1.0, 0.7, -0.3, 0.0, 1.0, -1.4][at_city] } else { 0.0 };
        score += if with.times { f64::from(u8::from(hour >= 12)) - 0.5 } else { 0.0 };
        score += if with.text { f64::from(u8::from(about_refund)) * 1.5 - 0.7 } else { 0.0 };
        score += if with.bools { f64::from(u8::from(is_member)) - 0.4 } else { 0.0 };
        age.push(some(&mut dice, with, years));
        income.push(some(&mut dice, with, money).unwrap_or(f64::NAN));
        city.push(some(&mut dice, with, Arc::from(CITIES[at_city])));
        joined.push(some(&mut dice, with, time));
        note.push(some(&mut dice, with, Arc::from(words.join(" "))));
        member.push(some(&mut dice, with, is_member));
        scores.push(score);
    }
    let mut columns = vec![("age".to_owned(), Column::Int(age)), ("income".to_owned(), Column::Float(income))];
    let mut add = |is_there: bool, name: &str, column: Column| {
        if is_there {
            columns.push((name.to_owned(), column));
        }
    };
    add(with.categories, "city", Column::Text(city));
    add(with.times, "joined", Column::Time(joined));
    add(with.text, "note", Column::Text(note));
    add(with.bools, "member", Column::Bool(member));
    let text = |of: &dyn Fn(f64) -> &'static str| Column::Text(scores.iter().map(|&s| Some(of(s).into())).collect());
    columns.push(("binary".into(), text(&|s| if s > 0.4 { "yes" } else { "no" })));
    columns.push(("flag".into(), Column::Int(scores.iter().map(|&s| Some(i64::from(s > 0.0))).collect())));
    columns.push((
        "kind".into(),
        text(&|s| {
            if s > 1.0 {
                "high"
            } else if s > -0.5 {
                "middle"
            } else {
                "low"
            }
        }),
    ));
    let level = |s: f64| (s.round() as i64).clamp(-1, 2) * 10;
    columns.push(("level".into(), Column::Int(scores.iter().map(|&s| Some(level(s))).collect())));
    columns.push(("value".into(), Column::Float(scores.iter().map(|&s| s * 25.0 + 100.0).collect())));
    columns.push(("weight".into(), Column::Float(scores.iter().map(|&s| 0.1 + s.abs()).collect())));
    Table::new(columns).expect("columns of one length")
}

/// The columns that a model of `target` may not read.
pub fn other_targets(target: &str) -> Vec<String> {
    ["binary", "flag", "kind", "level", "value", "weight"]
        .iter()
        .filter(|&&name| name != target)
        .map(|&name| name.to_owned())
        .collect()
}
