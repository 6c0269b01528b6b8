//! Metrics of an order within queries: NDCG, MAP, MRR. The query is the unit: its mean, its error.

use super::influence::{ErrorScale, Influence};
use super::rows::RankingRows;
use crate::outcome::{MetricResult, Unmeasured};

/// A measure of one query's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderOf {
    /// Discounted gain over that of the best order, first `k` places (0 = all). Linear gain, log2 discount.
    Ndcg(usize),
    /// Mean precision at the places of relevant items (gain > 0), first `k` places (0 = all).
    AveragePrecision(usize),
    /// One over the place of the first relevant item.
    ReciprocalRank,
}

/// The mean over queries that have a relevant item; the others have no value. Ties in score keep the row order.
pub(crate) fn mean_over_queries(rows: &RankingRows, of: OrderOf) -> MetricResult<Influence> {
    let mut order: Vec<u32> = (0..rows.query.len() as u32).collect();
    let key = |row: u32| (rows.query[row as usize], rows.score[row as usize]);
    order.sort_by(|a, b| key(*a).0.cmp(&key(*b).0).then(key(*b).1.total_cmp(&key(*a).1)));
    let mut values = Vec::new();
    let mut start = 0;
    for end in 1..=order.len() {
        if end == order.len() || key(order[end]).0 != key(order[start]).0 {
            let gains: Vec<f64> = order[start..end].iter().map(|row| rows.gain[*row as usize]).collect();
            if gains.iter().any(|gain| *gain > 0.0) {
                values.push(of_query(&gains, of));
            }
            start = end;
        }
    }
    if values.len() < 2 {
        return Err(Unmeasured::too_few("queries with a relevant item", values.len(), 2));
    }
    Ok(Influence::mean(values.len(), ErrorScale::Unit, |query| values[query], |_| 1.0))
}

fn of_query(gains: &[f64], of: OrderOf) -> f64 {
    match of {
        OrderOf::Ndcg(k) => {
            let mut best = gains.to_vec();
            best.sort_unstable_by(|a, b| b.total_cmp(a));
            discounted(gains, k) / discounted(&best, k)
        }
        OrderOf::AveragePrecision(k) => {
            let cut = if k == 0 { gains.len() } else { k.min(gains.len()) };
            let relevant = gains.iter().filter(|gain| **gain > 0.0).count().min(cut);
            let (mut hits, mut sum) = (0.0, 0.0);
            for (place, gain) in gains[..cut].iter().enumerate() {
                if *gain > 0.0 {
                    hits += 1.0;
                    sum += hits / (place + 1) as f64;
                }
            }
            sum / relevant as f64
        }
        OrderOf::ReciprocalRank => {
            gains.iter().position(|gain| *gain > 0.0).map_or(0.0, |place| 1.0 / (place + 1) as f64)
        }
    }
}

fn discounted(gains: &[f64], k: usize) -> f64 {
    let cut = if k == 0 { gains.len() } else { k.min(gains.len()) };
    gains[..cut].iter().enumerate().map(|(place, gain)| gain / ((place + 2) as f64).log2()).sum()
}
