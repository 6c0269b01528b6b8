//! What of the document of a model is read; everything else is passed over.

use std::{collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use crate::ensemble::Categories;

/// A text of the file in an error.
pub(super) fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[derive(Deserialize)]
pub(super) struct Document {
    pub learner: Learner,
}

#[derive(Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub feature_names: Vec<String>,
    #[serde(default)]
    pub feature_types: Vec<String>,
    pub gradient_booster: Booster,
    pub learner_model_param: LearnerParameters,
    pub objective: ObjectiveName,
    /// A signature that Kilter wrote into the file.
    #[serde(default, rename = "kilter.signature")]
    pub signature: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ObjectiveName {
    pub name: String,
}

#[derive(Deserialize)]
pub(super) struct LearnerParameters {
    pub base_score: BaseScore,
    pub num_class: Count,
    pub num_feature: Count,
    #[serde(default)]
    pub num_target: Count,
}

/// A number of things: XGBoost writes it as a text.
#[derive(Clone, Copy, Default)]
pub(super) struct Count(pub usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = Count;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a whole number that is not negative")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Count, E> {
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                text.trim().parse().map(Count).map_err(|_| wrong())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Count, E> {
                usize::try_from(number)
                    .map(Count)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Count, E> {
                usize::try_from(number).map(Count).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }
        from.deserialize_any(Whole)
    }
}

/// Where scores start, as a text: one number, since XGBoost 3.1 a list of them.
pub(super) struct BaseScore(pub Vec<f64>);

impl<'de> Deserialize<'de> for BaseScore {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let inner = text.trim();
        let inner = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner);
        let number = |word: &str| f64::from_str(word.trim()).ok().filter(|number| number.is_finite());
        let numbers: Option<Vec<f64>> = inner.split(',').map(number).collect();
        let wrong = || de::Error::invalid_value(de::Unexpected::Str(&text), &"finite numbers");
        numbers.map(BaseScore).ok_or_else(wrong)
    }
}

/// A booster: `gbtree` and `gblinear` have a `model`, `dart` has the trees of a `gbtree` and their weights.
#[derive(Deserialize)]
pub(super) struct Booster {
    pub name: String,
    pub model: Option<BoosterModel>,
    pub gbtree: Option<Box<Booster>>,
    #[serde(default)]
    pub weight_drop: Vec<f64>,
}

impl Booster {
    /// The names of categories by feature, where the file has them.
    pub fn categories(&self) -> Option<&[CategoryNames]> {
        let model = self.model.as_ref().or_else(|| self.gbtree.as_ref()?.model.as_ref())?;
        model.cats.as_ref().map(|cats| &cats.enc[..])
    }
}

#[derive(Deserialize)]
pub(super) struct BoosterModel {
    #[serde(default)]
    pub trees: Vec<TreeLists>,
    /// By tree: the score that it adds to.
    #[serde(default)]
    pub tree_info: Vec<i64>,
    /// Where iterations begin, among the trees.
    #[serde(default)]
    pub iteration_indptr: Vec<i64>,
    pub gbtree_model_param: Option<TreeParameters>,
    /// Of a linear model: features x scores, then the intercepts.
    #[serde(default)]
    pub weights: Vec<f64>,
    pub cats: Option<CategoryContainer>,
}

#[derive(Deserialize)]
pub(super) struct TreeParameters {
    #[serde(default)]
    pub num_parallel_tree: Count,
}

#[derive(Deserialize)]
pub(super) struct CategoryContainer {
    #[serde(default)]
    enc: Vec<CategoryNames>,
}

/// The categories of a feature: texts as their bytes and where these end, or numbers.
#[derive(Deserialize)]
pub(super) struct CategoryNames {
    #[serde(default)]
    offsets: Option<Vec<i64>>,
    #[serde(default)]
    values: Vec<f64>,
}

impl CategoryNames {
    /// Their codes; `None` where there are no names. XGBoost counts characters where it means bytes: names beyond ASCII are cut off
    /// in its files, so that their borders cannot be known.
    pub fn codes(&self) -> Result<Option<Categories>, String> {
        let Some(offsets) = &self.offsets else {
            return Ok((!self.values.is_empty()).then(|| Categories::of_numbers(self.values.iter().copied())));
        };
        let ascii = |&byte: &f64| (0.0..128.0).contains(&byte).then_some(byte as u8);
        let bytes: Option<Vec<u8>> = self.values.iter().map(ascii).collect();
        let bytes =
            bytes.ok_or("a category has characters beyond ASCII, which XGBoost does not write whole into its files")?;
        let text = |bounds: &[i64]| {
            let range = usize::try_from(bounds[0]).ok()?..usize::try_from(bounds[1]).ok()?;
            std::str::from_utf8(bytes.get(range)?).ok()
        };
        let texts: Option<Vec<&str>> = offsets.windows(2).map(text).collect();
        let texts = texts.ok_or("the names of its categories cannot be read")?;
        Ok((!texts.is_empty()).then(|| Categories::of_texts(texts)))
    }
}

#[derive(Deserialize)]
pub(super) struct TreeLists {
    pub left_children: Vec<i64>,
    pub right_children: Vec<i64>,
    pub split_indices: Vec<i64>,
    pub split_conditions: List<f64>,
    pub default_left: List<bool>,
    #[serde(default)]
    pub split_type: Vec<i64>,
    #[serde(default)]
    pub sum_hessian: List<f64>,
    #[serde(default)]
    pub categories: Vec<i64>,
    #[serde(default)]
    pub categories_nodes: Vec<i64>,
    #[serde(default)]
    pub categories_segments: Vec<i64>,
    #[serde(default)]
    pub categories_sizes: Vec<i64>,
    pub tree_param: Option<TreeParam>,
}

#[derive(Deserialize)]
pub(super) struct TreeParam {
    #[serde(default)]
    pub size_leaf_vector: Count,
}

/// A list whose entries are written in more than one way over the versions.
pub(super) struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// An entry: numbers also as the texts that stand for NaN and infinity, truth values also as 0 and 1.
pub(super) trait Entry: Sized {
    fn of_number(number: f64) -> Option<Self>;
    fn of_text(text: &str) -> Option<Self>;
}

impl Entry for f64 {
    fn of_number(number: f64) -> Option<Self> {
        Some(number)
    }

    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Entry for bool {
    fn of_number(number: f64) -> Option<Self> {
        (number == 0.0 || number == 1.0).then_some(number == 1.0)
    }

    fn of_text(_: &str) -> Option<Self> {
        None
    }
}

struct One<T>(T);

impl<'de, T: Entry> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<T: Entry> Any<T> {
            fn number<E: de::Error>(&self, number: f64) -> Result<One<T>, E> {
                T::of_number(number).map(One).ok_or_else(|| E::custom(format!("{number} is no truth value")))
            }
        }
        impl<T: Entry> Visitor<'_> for Any<T> {
            type Value = One<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number or a truth value")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<One<T>, E> {
                self.number(f64::from(value))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<One<T>, E> {
                self.number(number as f64)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<One<T>, E> {
                self.number(number as f64)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<One<T>, E> {
                self.number(number)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<One<T>, E> {
                T::of_text(text).map(One).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        from.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: Entry> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Entry> Visitor<'de> for Entries<T> {
            type Value = List<T>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(One(entry)) = list.next_element()? {
                    entries.push(entry);
                }
                Ok(List(entries))
            }
        }
        from.deserialize_seq(Entries(PhantomData))
    }
}
