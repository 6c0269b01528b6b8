//! ADWIN (Bifet & Gavalda 2007): a window that grows while its mean is stable and drops its old end when it is not.
//!
//! The window is an exponential histogram: at most `max_buckets` buckets of each size 1, 2, 4, ...

use serde::{Deserialize, Serialize};

/// An adaptive window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adwin {
    /// Confidence: smaller is calmer.
    pub delta: f64,
    /// Values between looks.
    pub clock: u64,
    /// Buckets of one size before two merge.
    pub max_buckets: usize,
    /// Shortest part that is compared.
    pub min_part: f64,
    /// Values before the first look.
    pub grace: f64,
    window: Window,
    detected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bucket {
    total: f64,
    /// Sum of squared distances from the bucket's mean.
    spread: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Window {
    /// `rows[i]` holds buckets of 2^i values, oldest first.
    rows: Vec<Vec<Bucket>>,
    ticks: u64,
    width: f64,
    total: f64,
    spread: f64,
}

/// A part of the window while it is scanned.
#[derive(Clone, Copy)]
struct Part {
    width: f64,
    total: f64,
}

impl Default for Adwin {
    fn default() -> Self {
        Adwin {
            delta: 0.002,
            clock: 32,
            max_buckets: 5,
            min_part: 5.0,
            grace: 10.0,
            window: Window::default(),
            detected: false,
        }
    }
}

impl Adwin {
    /// Takes the next value; `true` when the window dropped values. Values that are not finite are ignored.
    pub fn add(&mut self, value: f64) -> bool {
        if !value.is_finite() {
            return false;
        }
        if self.detected {
            self.window = Window::default();
        }
        self.window.insert(value, self.max_buckets.max(1));
        self.window.ticks += 1;
        self.detected = false;
        if self.window.ticks.is_multiple_of(self.clock.max(1)) && self.window.width > self.grace {
            while self.has_cut() {
                self.window.drop_oldest();
                self.detected = true;
            }
        }
        self.detected
    }

    /// Mean of the window; `None` when it is empty.
    pub fn mean(&self) -> Option<f64> {
        (self.window.width > 0.0).then(|| self.window.total / self.window.width)
    }

    /// Values in the window.
    pub fn width(&self) -> u64 {
        self.window.width as u64
    }

    /// Whether some cut into an older and a newer part shows different means.
    fn has_cut(&self) -> bool {
        let window = &self.window;
        let mut old = Part { width: 0.0, total: 0.0 };
        for (power, row) in window.rows.iter().enumerate().rev() {
            let size = (1u64 << power) as f64;
            for bucket in row {
                old.width += size;
                old.total += bucket.total;
                let new = Part { width: window.width - old.width, total: window.total - old.total };
                if old.width >= self.min_part && new.width >= self.min_part && self.differ(old, new) {
                    return true;
                }
            }
        }
        false
    }

    fn differ(&self, old: Part, new: Part) -> bool {
        let log = (2.0 * self.window.width.ln() / self.delta).ln();
        let rarity = 1.0 / (old.width - self.min_part + 1.0) + 1.0 / (new.width - self.min_part + 1.0);
        let variance = self.window.spread / self.window.width;
        let bound = (2.0 * rarity * variance * log).sqrt() + 2.0 / 3.0 * log * rarity;
        (old.total / old.width - new.total / new.width).abs() > bound
    }
}

impl Window {
    fn insert(&mut self, value: f64, max_buckets: usize) {
        if self.width > 0.0 {
            let away = value - self.total / self.width;
            self.spread += self.width * away * away / (self.width + 1.0);
        }
        self.width += 1.0;
        self.total += value;
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        self.rows[0].push(Bucket { total: value, spread: 0.0 });
        let mut power = 0;
        while self.rows[power].len() > max_buckets {
            let size = (1u64 << power) as f64;
            let (a, b) = (self.rows[power][0], self.rows[power][1]);
            self.rows[power].drain(..2);
            let away = (a.total - b.total) / size;
            let merged = Bucket { total: a.total + b.total, spread: a.spread + b.spread + 0.5 * size * away * away };
            if self.rows.len() == power + 1 {
                self.rows.push(Vec::new());
            }
            self.rows[power + 1].push(merged);
            power += 1;
        }
    }

    fn drop_oldest(&mut self) {
        let Some(power) = self.rows.len().checked_sub(1) else { return };
        let size = (1u64 << power) as f64;
        let oldest = self.rows[power].remove(0);
        self.width -= size;
        self.total -= oldest.total;
        if self.width > 0.0 {
            let away = oldest.total / size - self.total / self.width;
            self.spread -= oldest.spread + size * self.width * away * away / (size + self.width);
        }
        while self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
    }
}
