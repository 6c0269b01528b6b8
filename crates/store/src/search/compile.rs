//! A search as the text of a statement and its parameters.

use kilter_domain::search::{
    Attribute, Comparison, Condition, DatasetField, Entity, Expression, IS_PROMPT_TAG, Key, NumberOperator, Projects,
    Scope, Search, TextOperator, View,
};

use super::{
    builder::Builder,
    columns::{self, ValueTable},
    order::Order,
};
use crate::{
    database::{Dialect, Value},
    statement::BuiltStatement,
};

/// Whole numbers up to here are the same as doubles.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The statement that finds at most `limit` things behind the first `offset`.
pub(super) fn compile(dialect: Dialect, search: &Search, offset: u64, limit: u64) -> BuiltStatement {
    let entity = search.scope().entity();
    let mut compiler = Compiler { entity, scope: search.scope(), builder: Builder::new(dialect) };
    let mut wanted = compiler.scope();
    wanted.extend(search.filter().map(|filter| compiler.expression(filter)));
    let order = Order::compile(&mut compiler.builder, entity, search.order());
    let where_clause = match wanted.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", wanted.join(" AND ")),
    };
    let bound = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let (limit, offset) = (compiler.builder.bind(bound(limit)), compiler.builder.bind(bound(offset)));
    let (rows, joins, items) = (columns::rows(entity), order.joins, order.items);
    let sql = format!("SELECT t.key FROM {rows}{joins}{where_clause} ORDER BY {items} LIMIT {limit} OFFSET {offset}");
    BuiltStatement { attempt: "search", sql, values: compiler.builder.values }
}

struct Compiler<'s> {
    entity: Entity,
    scope: &'s Scope,
    builder: Builder,
}

impl Compiler<'_> {
    /// What must hold of every row, whatever the filter.
    fn scope(&mut self) -> Vec<String> {
        match self.scope {
            Scope::Runs { experiments, view } => {
                let experiments: Vec<i64> = experiments.iter().map(|experiment| experiment.0).collect();
                [Some(self.experiments(&experiments)), lifecycle(*view)].into_iter().flatten().collect()
            }
            Scope::Experiments { projects, view } => {
                [self.projects("t.project", projects), lifecycle(*view)].into_iter().flatten().collect()
            }
            Scope::RegisteredModels { projects } => self.projects("t.project", projects).into_iter().collect(),
            Scope::ModelVersions { projects } => self.projects("m.project", projects).into_iter().collect(),
            Scope::LoggedModels { experiments, datasets } => {
                let experiments: Vec<i64> = experiments.iter().map(|experiment| experiment.0).collect();
                let measured = (!datasets.is_empty()).then(|| {
                    let on_one = self.builder.measured_on(datasets);
                    self.exists(columns::metrics(Entity::LoggedModel), &on_one)
                });
                let experiments = self.experiments(&experiments);
                [Some(experiments), lifecycle(View::Active), measured].into_iter().flatten().collect()
            }
        }
    }

    fn experiments(&mut self, experiments: &[i64]) -> String {
        // One alone is read from its index in the default order.
        if let [experiment] = experiments {
            let experiment = self.builder.bind(Value::Integer(*experiment));
            return format!("t.experiment = {experiment}");
        }
        let list = self.builder.bind(self.builder.dialect.list(experiments));
        self.builder.dialect.is_one_of_integers("t.experiment", &list)
    }

    fn projects(&mut self, column: &str, projects: &Projects) -> Option<String> {
        let Projects::Only(names) = projects else { return None };
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let list = self.builder.bind(self.builder.dialect.list(&names));
        Some(format!("({column} IS NULL OR {})", self.builder.dialect.is_one_of_texts(column, &list)))
    }

    /// A condition that is true or false of a row, never unknown.
    fn expression(&mut self, expression: &Expression) -> String {
        match expression {
            Expression::And(parts) => self.combine(parts, " AND "),
            Expression::Or(parts) => self.combine(parts, " OR "),
            Expression::Not(operand) => format!("NOT {}", self.expression(operand)),
            Expression::Compare(comparison) => self.comparison(comparison),
        }
    }

    fn combine(&mut self, parts: &[Expression], operator: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.expression(part)).collect();
        format!("({})", parts.join(operator))
    }

    fn comparison(&mut self, Comparison { key, condition }: &Comparison) -> String {
        match key {
            Key::Attribute(attribute) => self.attribute(*attribute, condition),
            Key::Metric(name) => self.metric(name, condition),
            Key::Param(name) => self.value_by_name(columns::params(self.entity), name, condition),
            Key::Tag(name) => self.tag(name, condition),
            Key::Dataset(field) => self.dataset(*field, condition),
        }
    }

    fn attribute(&mut self, attribute: Attribute, condition: &Condition) -> String {
        let column = columns::attribute(self.entity, attribute);
        let condition = self.condition(column.sql, condition);
        if column.is_nullable {
            format!("({} IS NOT NULL AND {condition})", column.sql)
        } else {
            format!("({condition})")
        }
    }

    fn condition(&mut self, column: &str, condition: &Condition) -> String {
        match condition {
            Condition::Number(operator, number) => {
                let number = self.builder.bind(whole_or_real(*number));
                format!("{column} {} {number}", sign(*operator))
            }
            Condition::Text(operator, text) => self.text(column, *operator, text),
            Condition::List { is_in, values } => {
                let list = self.builder.bind(self.builder.dialect.list(values));
                let is_one = self.builder.dialect.is_one_of_texts(column, &list);
                if *is_in { is_one } else { format!("NOT ({is_one})") }
            }
            Condition::IsMissing(true) => format!("{column} IS NULL"),
            Condition::IsMissing(false) => format!("{column} IS NOT NULL"),
        }
    }

    fn text(&mut self, column: &str, operator: TextOperator, text: &str) -> String {
        let by_case = match operator {
            TextOperator::Equal | TextOperator::NotEqual => {
                let sign = if operator == TextOperator::Equal { "=" } else { "<>" };
                return format!("{column} {sign} {}", self.builder.bind_text(text));
            }
            TextOperator::Like => true,
            TextOperator::ILike => false,
        };
        let pattern = self.builder.bind(Value::Text(self.builder.dialect.pattern(text, by_case)));
        self.builder.dialect.like(column, &pattern, by_case)
    }

    /// Whether there is a row of `table` that belongs to the row that is found and of which `condition` holds. A look-up of its primary key.
    fn exists(&self, ValueTable { table, owner }: ValueTable, condition: &str) -> String {
        format!("EXISTS (SELECT 1 FROM {table} AS x WHERE x.{owner} = t.key AND {condition})")
    }

    fn metric(&mut self, name: &str, condition: &Condition) -> String {
        let mut wanted = self.builder.is_metric("x", name);
        if let Condition::Number(operator, number) = condition {
            let number = self.builder.bind(Value::Real(*number));
            let sign = sign(*operator);
            // NaN, whose row has the value 0, is no number: unequal to each, and neither more nor less.
            wanted += &match operator {
                NumberOperator::NotEqual => format!(" AND (x.value {sign} {number} OR x.is_nan = 1)"),
                _ => format!(" AND x.value {sign} {number} AND x.is_nan = 0"),
            };
        }
        if let Scope::LoggedModels { datasets, .. } = self.scope
            && !datasets.is_empty()
        {
            wanted = format!("{wanted} AND {}", self.builder.measured_on(datasets));
        }
        self.exists(columns::metrics(self.entity), &wanted)
    }

    fn value_by_name(&mut self, table: ValueTable, name: &str, condition: &Condition) -> String {
        let named = format!("x.name = {}", self.builder.bind_text(name));
        match condition {
            Condition::IsMissing(true) => format!("NOT {}", self.exists(table, &named)),
            Condition::IsMissing(false) => self.exists(table, &named),
            condition => {
                let condition = self.condition("x.value", condition);
                self.exists(table, &format!("{named} AND {condition}"))
            }
        }
    }

    fn tag(&mut self, name: &str, condition: &Condition) -> String {
        let table = columns::tags(self.entity);
        let found = self.value_by_name(table, name, condition);
        let is_of_registry = matches!(self.entity, Entity::RegisteredModel | Entity::ModelVersion);
        // What does not say that it is a prompt is none.
        let holds_when_missing = match condition {
            Condition::Text(TextOperator::Equal, text) => text == "false",
            Condition::Text(TextOperator::NotEqual, text) => text != "false",
            _ => false,
        };
        if is_of_registry && name == IS_PROMPT_TAG && holds_when_missing {
            let missing = self.value_by_name(table, name, &Condition::IsMissing(true));
            return format!("({found} OR {missing})");
        }
        found
    }

    fn dataset(&mut self, field: DatasetField, condition: &Condition) -> String {
        let column = match field {
            DatasetField::Name => "d.name",
            DatasetField::Digest => "d.digest",
            DatasetField::Context => "x.context",
        };
        let condition = self.condition(column, condition);
        format!(
            "EXISTS (SELECT 1 FROM run_input AS x JOIN tracked_dataset AS d ON d.key = x.dataset \
             WHERE x.run = t.key AND {condition})"
        )
    }
}

fn lifecycle(view: View) -> Option<String> {
    match view {
        View::Active => Some("t.lifecycle = 'active'".to_owned()),
        View::Deleted => Some("t.lifecycle = 'deleted'".to_owned()),
        View::All => None,
    }
}

const fn sign(operator: NumberOperator) -> &'static str {
    match operator {
        NumberOperator::NotEqual => "<>",
        other => other.sign(),
    }
}

/// A number for a column of whole numbers; one with a fraction, or beyond what both kinds have in common, stays what it is.
fn whole_or_real(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() <= MAX_EXACT { Value::Integer(number as i64) } else { Value::Real(number) }
}
