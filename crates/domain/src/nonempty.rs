//! A list that has at least one element: a verdict without evidence cannot be written down.

use serde::{Deserialize, Deserializer, Serialize};

/// At least one `T`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// The list of one element.
    pub fn one(first: T) -> Self {
        Self(vec![first])
    }

    /// `None` when `items` is empty.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (!items.is_empty()).then_some(Self(items))
    }

    /// The elements that `is_meant` picks and the others, both in order; the list itself when it picks none.
    pub fn split(self, is_meant: impl Fn(&T) -> bool) -> Result<(Self, Vec<T>), Self> {
        if !self.iter().any(&is_meant) {
            return Err(self);
        }
        let (meant, others) = self.0.into_iter().partition(is_meant);
        Ok((Self(meant), others))
    }

    /// The first element.
    pub fn first(&self) -> &T {
        &self.0[0]
    }

    /// The elements, in order; at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// The elements, in order; never empty.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a NonEmpty<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NonEmpty<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(input)?).ok_or_else(|| serde::de::Error::custom("a list with at least one element"))
    }
}
