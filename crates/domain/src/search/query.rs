//! What is searched, by what, in which order.

use std::fmt;

use super::{
    Comparison, Condition, DatasetSelector, Entity, Expression, Key, LoggedModelOrder, OrderItem, SearchError,
    TextOperator,
    display::Written,
    order::{parse_logged_model_order, parse_order},
};
use crate::{ids::ProjectName, tracking::ExperimentId};

/// The tag by which clients of MLflow tell prompts from models: `true`, or `false` where it is missing.
pub const IS_PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// As many datasets has a search of logged models at most.
const MAX_DATASETS: usize = 100;

/// What is searched.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// Runs of experiments.
    Runs {
        /// The experiments.
        experiments: Vec<ExperimentId>,
        /// Whether deleted ones are found.
        view: View,
    },
    /// Experiments.
    Experiments {
        /// Those that may be found.
        projects: Projects,
        /// Whether deleted ones are found.
        view: View,
    },
    /// Registered models.
    RegisteredModels {
        /// Those that may be found.
        projects: Projects,
    },
    /// Versions of registered models.
    ModelVersions {
        /// Those that may be found.
        projects: Projects,
    },
    /// Logged models that are not deleted.
    LoggedModels {
        /// Their experiments.
        experiments: Vec<ExperimentId>,
        /// Where there are some: metrics count only where they were measured on one of these, and a model must have such a metric.
        datasets: Vec<DatasetSelector>,
    },
}

/// Whether deleted things are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum View {
    /// Only what is not deleted.
    #[default]
    Active,
    /// Only what is deleted.
    Deleted,
    /// Both.
    All,
}

/// Which things may be found, by the project that they are under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projects {
    /// All.
    Every,
    /// Those without a project, and those of these.
    Only(Vec<ProjectName>),
}

impl Scope {
    /// What is searched.
    pub const fn entity(&self) -> Entity {
        match self {
            Self::Runs { .. } => Entity::Run,
            Self::Experiments { .. } => Entity::Experiment,
            Self::RegisteredModels { .. } => Entity::RegisteredModel,
            Self::ModelVersions { .. } => Entity::ModelVersion,
            Self::LoggedModels { .. } => Entity::LoggedModel,
        }
    }
}

/// A search that can be answered: each key, operator and value in it belongs to what is searched.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    scope: Scope,
    filter: Option<Expression>,
    order: Vec<OrderItem>,
}

impl Search {
    /// Reads a filter (empty: everything) and an order (empty: the default).
    ///
    /// Registered models that are prompts, by [`IS_PROMPT_TAG`], and their versions are found only where the filter has this tag.
    ///
    /// # Errors
    /// When one of them cannot be read, or names what the entity does not have.
    pub fn parse(scope: Scope, filter: &str, order_by: &[String]) -> Result<Self, SearchError> {
        let order = parse_order(scope.entity(), order_by)?;
        Self::with_order(scope, filter, order)
    }

    /// The same for logged models, with an order as clients of MLflow state it.
    ///
    /// # Errors
    /// As [`Search::parse`].
    pub fn parse_logged_models(
        experiments: Vec<ExperimentId>,
        datasets: Vec<DatasetSelector>,
        filter: &str,
        order_by: &[LoggedModelOrder],
    ) -> Result<Self, SearchError> {
        if datasets.len() > MAX_DATASETS {
            return Err(SearchError::TooMany { what: "datasets", most: MAX_DATASETS });
        }
        let order = parse_logged_model_order(order_by)?;
        Self::with_order(Scope::LoggedModels { experiments, datasets }, filter, order)
    }

    fn with_order(scope: Scope, filter: &str, order: Vec<OrderItem>) -> Result<Self, SearchError> {
        let mut filter = Expression::parse(scope.entity(), filter)?;
        if matches!(scope.entity(), Entity::RegisteredModel | Entity::ModelVersion) {
            filter = Some(without_prompts(filter));
        }
        Ok(Self { scope, filter, order })
    }

    /// What is searched.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What must hold of what is found; `None` where everything is.
    pub const fn filter(&self) -> Option<&Expression> {
        self.filter.as_ref()
    }

    /// What the filter and the order name, each once, in this order; the order that is the default names attributes alone.
    pub fn keys(&self) -> Vec<&Key> {
        let mut named = Vec::new();
        self.filter.iter().for_each(|filter| filter.each_key(&mut |key| named.push(key)));
        named.extend(self.order.iter().map(|item| &item.key));
        let mut keys: Vec<&Key> = Vec::new();
        for key in named {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// By what it is sorted, first to last: no two things are equal in all of it.
    pub fn order(&self) -> &[OrderItem] {
        &self.order
    }
}

/// The filter, and that it is no prompt, unless the filter says so or the opposite itself.
fn without_prompts(filter: Option<Expression>) -> Expression {
    let key = Key::Tag(IS_PROMPT_TAG.to_owned());
    if let Some(filter) = filter.as_ref().filter(|filter| filter.mentions(&key)) {
        return filter.clone();
    }
    let condition = Condition::Text(TextOperator::NotEqual, "true".to_owned());
    let is_model = Expression::Compare(Comparison { key, condition });
    Expression::all(filter.into_iter().chain([is_model]).collect())
}

impl fmt::Display for Search {
    /// Its filter, as one that reads back as the same tree.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.filter {
            Some(expression) => write!(out, "{}", Written { expression, entity: self.scope.entity() }),
            None => Ok(()),
        }
    }
}
