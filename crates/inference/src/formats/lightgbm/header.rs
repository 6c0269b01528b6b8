//! What stands before the trees, and which columns hold categories.

use std::iter::Peekable;

use serde_json::Value;

use super::text::{FORMAT, shown};
use crate::{
    ensemble::{Categories, FeatureColumn},
    error::LoadError,
    formats::native::{MAX_COLUMNS, MAX_OUTPUTS, broken, unsupported},
};

/// What stands before the codes of text columns, in the last line.
pub(super) const PANDAS: &str = "pandas_categorical:";

/// The header of a file.
pub(super) struct Header<'t> {
    /// Scores per row: trees of one iteration.
    pub outputs: usize,
    pub objective: Vec<&'t str>,
    pub names: Vec<String>,
    /// By column: the range or the categories that were seen.
    infos: Vec<&'t str>,
    /// How many trees the file announces.
    pub trees: Option<usize>,
    /// Whether trees are averaged, as in a random forest.
    pub is_average: bool,
}

impl<'t> Header<'t> {
    /// Reads up to the first tree.
    pub fn read(lines: &mut Peekable<impl Iterator<Item = &'t str>>) -> Result<Self, LoadError> {
        let (mut names, mut infos, mut objective): (Vec<String>, Vec<&str>, Vec<&str>) = Default::default();
        let (mut outputs, mut last_feature, mut trees, mut is_average) = (None, None, None, false);
        while let Some(line) = lines.next_if(|line| !line.starts_with("Tree=") && *line != "end of trees") {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            match key {
                "version" if !matches!(value, "v2" | "v3" | "v4") => {
                    return Err(unsupported(FORMAT, format!("its version is `{}`; v2 to v4 are known", shown(value))));
                }
                "num_tree_per_iteration" => outputs = Some(whole(key, value)?),
                "max_feature_idx" => last_feature = Some(whole(key, value)?),
                "objective" => objective = value.split_ascii_whitespace().collect(),
                "feature_names" => names = value.split(' ').map(str::to_owned).collect(),
                "feature_infos" => infos = value.split(' ').collect(),
                "tree_sizes" => trees = Some(value.split_ascii_whitespace().count()),
                "average_output" => is_average = true,
                _ => {}
            }
        }
        let missing = |key: &str| broken(FORMAT, format!("its header does not say {key}"));
        let outputs = bounded_outputs(outputs.ok_or_else(|| missing("num_tree_per_iteration"))?)?;
        let columns = last_feature.ok_or_else(|| missing("max_feature_idx"))?.saturating_add(1);
        if columns > MAX_COLUMNS {
            let (what, size, limit) = ("the number of columns".into(), columns as u64, MAX_COLUMNS as u64);
            return Err(LoadError::TooLarge { what, size, limit });
        }
        if names.len() != columns || (infos.len() != columns && !infos.is_empty()) {
            let (names, infos) = (names.len(), infos.len());
            return Err(broken(FORMAT, format!("{names} names and {infos} infos do not fit {columns} features")));
        }
        Ok(Self { outputs, objective, names, infos, trees, is_average })
    }

    /// Whether LightGBM named the columns itself.
    pub fn has_numbered_names(&self) -> bool {
        self.names.iter().enumerate().all(|(at, name)| name.strip_prefix("Column_") == Some(at.to_string().as_str()))
    }

    /// The columns; `rest` is what stands behind the trees.
    ///
    /// # Errors
    /// If the file has codes of texts and does not say of which columns.
    pub fn columns(&self, rest: &[&str]) -> Result<Vec<FeatureColumn>, LoadError> {
        let categorical = self.categorical(rest);
        let mut columns = vec![FeatureColumn::Number; self.names.len()];
        let line = rest.iter().rev().find_map(|line| line.strip_prefix(PANDAS));
        let Some(line) = line.filter(|line| !matches!(line.trim(), "" | "null")) else { return Ok(columns) };
        let lists: Vec<Vec<Value>> = serde_json::from_str(line)
            .map_err(|error| broken(FORMAT, format!("its line `{PANDAS}` cannot be read: {error}")))?;
        if lists.is_empty() {
            return Ok(columns);
        }
        if lists.len() != categorical.len() {
            return Err(unsupported(
                FORMAT,
                format!(
                    "{} columns of its table had categories, and {} features are categorical: the file does not say which columns \
                     are meant (ordered categories are trained as numbers)",
                    lists.len(),
                    categorical.len()
                ),
            ));
        }
        for (&at, list) in categorical.iter().zip(&lists) {
            let categories = categories(list).ok_or_else(|| {
                unsupported(
                    FORMAT,
                    format!("the categories of `{}` are neither all texts nor all numbers", self.names[at]),
                )
            })?;
            columns[at] = FeatureColumn::Category(categories);
        }
        Ok(columns)
    }

    /// The categorical features: those that the parameters name, or whose info is a list of categories and no range.
    fn categorical(&self, rest: &[&str]) -> Vec<usize> {
        let parameter = rest.iter().find_map(|line| line.strip_prefix("[categorical_feature:")?.strip_suffix(']'));
        let named = parameter.into_iter().flat_map(|list| list.split(',')).filter_map(|at| at.trim().parse().ok());
        let listed = |info: &str| !info.starts_with('[') && info != "none";
        let seen = self.infos.iter().enumerate().filter(|(_, info)| listed(info)).map(|(at, _)| at);
        let mut all: Vec<usize> = named.chain(seen).filter(|&at| at < self.names.len()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The number of outputs, within bounds.
fn bounded_outputs(count: usize) -> Result<usize, LoadError> {
    match count {
        1..=MAX_OUTPUTS => Ok(count),
        _ => Err(broken(FORMAT, format!("{count} scores per row are out of range"))),
    }
}

fn whole(key: &str, value: &str) -> Result<usize, LoadError> {
    value.parse().map_err(|_| broken(FORMAT, format!("`{}` is no {key}", shown(value))))
}

/// The codes of the values that pandas called categories.
fn categories(list: &[Value]) -> Option<Categories> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_bool().map(f64::from));
    if let Some(numbers) = list.iter().map(number).collect::<Option<Vec<f64>>>() {
        return Some(Categories::of_numbers(numbers));
    }
    list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>().map(Categories::of_texts)
}
