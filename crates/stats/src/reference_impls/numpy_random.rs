//! numpy's legacy generator (`RandomState`), as far as scikit-learn's splits draw from it: decisions that hang on a
//! seeded split can only be repeated with the same draws. Matsumoto & Nishimura 1998 (MT19937), numpy's masked
//! rejection and shuffle.

const WORDS: usize = 624;
const AHEAD: usize = 397;

/// `numpy.random.RandomState(seed)`.
#[derive(Debug, Clone)]
pub struct RandomState {
    words: [u32; WORDS],
    at: usize,
}

impl RandomState {
    /// The generator that numpy makes of a whole number.
    pub fn seeded(seed: u32) -> Self {
        let mut words = [0u32; WORDS];
        words[0] = seed;
        for at in 1..WORDS {
            let before = words[at - 1];
            words[at] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(at as u32);
        }
        RandomState { words, at: WORDS }
    }

    /// The next 32 bits.
    pub fn bits(&mut self) -> u32 {
        if self.at == WORDS {
            self.twist();
        }
        let mut y = self.words[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for at in 0..WORDS {
            let y = (self.words[at] & 0x8000_0000) | (self.words[(at + 1) % WORDS] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[at] = self.words[(at + AHEAD) % WORDS] ^ (y >> 1) ^ odd;
        }
        self.at = 0;
    }

    /// Uniform on `0..=most`, by masked rejection.
    fn up_to(&mut self, most: u32) -> u32 {
        if most == 0 {
            return 0;
        }
        let mask = u32::MAX >> most.leading_zeros();
        loop {
            let value = self.bits() & mask;
            if value <= most {
                return value;
            }
        }
    }

    /// `shuffle`: in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u32) as usize);
        }
    }

    /// `permutation(n)`.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

/// Train and test rows of each split of `StratifiedShuffleSplit(n_splits, test_size, random_state)` of scikit-learn, for
/// two classes. `None` where it would refuse: a class of fewer than two rows, or a part with fewer rows than classes.
pub fn stratified_splits(truth: &[bool], splits: usize, test_share: f64, seed: u32) -> Option<Vec<Split>> {
    let members = [false, true].map(|class| (0..truth.len()).filter(|row| truth[*row] == class).collect::<Vec<_>>());
    let counts = [members[0].len(), members[1].len()];
    let test = (test_share * truth.len() as f64).ceil() as usize;
    let train = truth.len().checked_sub(test)?;
    if counts.iter().any(|count| *count < 2) || train < 2 || test < 2 {
        return None;
    }
    let mut random = RandomState::seeded(seed);
    let mut made = Vec::with_capacity(splits);
    for _ in 0..splits {
        let trained = mode(&mut random, counts, train);
        let tested = mode(&mut random, [counts[0] - trained[0], counts[1] - trained[1]], test);
        let mut split = Split { train: Vec::with_capacity(train), test: Vec::with_capacity(test) };
        for class in 0..2 {
            let order = random.permutation(counts[class]);
            let rows = |part: &[usize]| part.iter().map(|at| members[class][*at]).collect::<Vec<_>>();
            let upper = (trained[class] + tested[class]).min(order.len());
            split.train.extend(rows(&order[..trained[class]]));
            split.test.extend(rows(&order[trained[class]..upper]));
        }
        random.shuffle(&mut split.train);
        random.shuffle(&mut split.test);
        made.push(split);
    }
    Some(made)
}

/// One split of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
}

/// How many of each class are drawn: scikit-learn's `_approximate_mode`.
fn mode(random: &mut RandomState, counts: [usize; 2], draws: usize) -> [usize; 2] {
    let total = (counts[0] + counts[1]) as f64;
    let whole = counts.map(|count| count as f64 / total * draws as f64);
    let mut floors = whole.map(f64::floor);
    let mut missing = (draws as f64 - floors[0] - floors[1]) as usize;
    let rest = [whole[0] - floors[0], whole[1] - floors[1]];
    if missing > 0 && rest[0] == rest[1] {
        let order = random.permutation(2);
        order.iter().take(missing).for_each(|class| floors[*class] += 1.0);
    } else if missing > 0 {
        let first = usize::from(rest[1] > rest[0]);
        for class in [first, 1 - first] {
            if missing > 0 {
                floors[class] += 1.0;
                missing -= 1;
            }
        }
    }
    floors.map(|count| count as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_are_numpys() {
        // numpy 2.4: RandomState(42).permutation(10), then .permutation(5); RandomState(42).randint's first 32 bits.
        let mut random = RandomState::seeded(42);
        assert_eq!(random.permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
        assert_eq!(random.permutation(5), [1, 0, 3, 4, 2]);
        assert_eq!(RandomState::seeded(42).bits(), 1_608_637_542);
    }

    #[test]
    fn splits_are_scikit_learns() {
        let truth: Vec<bool> = (0..31).map(|row| row % 3 == 0).collect();
        let splits = stratified_splits(&truth, 3, 0.1, 42).unwrap();
        let tests: Vec<_> = splits.iter().map(|split| split.test.clone()).collect();
        assert_eq!(tests, SCIKIT);
        assert!(splits.iter().all(|split| split.train.len() == 27));
        assert!(stratified_splits(&[true, false, false], 3, 0.1, 42).is_none());
        // Both classes have half a row left over: chance decides, as there.
        let truth: Vec<bool> = (0..25).map(|row| row >= 20 || row % 2 == 1).collect();
        let tests: Vec<_> =
            stratified_splits(&truth, 3, 0.1, 42).unwrap().into_iter().map(|split| split.test).collect();
        assert_eq!(tests, [[13, 5, 12], [3, 9, 2], [1, 0, 5]]);
    }

    /// scikit-learn 1.9: StratifiedShuffleSplit(n_splits=3, test_size=.1, random_state=42) on these classes.
    const SCIKIT: [[usize; 4]; 3] = [[3, 22, 16, 10], [4, 9, 22, 20], [2, 11, 6, 17]];
}
