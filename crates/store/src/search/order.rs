//! The order of a search: numbers and texts first, NaN behind them, what is missing last, in both directions.

use kilter_domain::search::{Entity, Key, OrderItem};

use super::{builder::Builder, columns};

/// The parts of a statement that sort.
#[derive(Default)]
pub(super) struct Order {
    /// Tables that hold what is sorted by; each adds at most one row to a row.
    pub joins: String,
    pub items: String,
}

impl Order {
    pub(super) fn compile(builder: &mut Builder, entity: Entity, items: &[OrderItem]) -> Self {
        let mut order = Self::default();
        for (place, item) in items.iter().enumerate() {
            let direction = if item.is_ascending { "ASC" } else { "DESC" };
            let sorted = order.item(builder, (entity, item), &format!("o{place}"), direction);
            if place > 0 {
                order.items.push_str(", ");
            }
            order.items.push_str(&sorted);
        }
        order
    }

    fn item(
        &mut self,
        builder: &mut Builder,
        (entity, item): (Entity, &OrderItem),
        alias: &str,
        direction: &str,
    ) -> String {
        match &item.key {
            Key::Attribute(attribute) => {
                let column = columns::attribute(entity, *attribute);
                let nulls = if column.is_nullable { " NULLS LAST" } else { "" };
                format!("{} {direction}{nulls}", column.sorted)
            }
            Key::Metric(name) if entity == Entity::LoggedModel => logged_metric(builder, name, item, direction),
            Key::Metric(name) => {
                let columns::ValueTable { table, owner } = columns::metrics(entity);
                let is_metric = builder.is_metric(alias, name);
                self.join(&format!("{table} AS {alias} ON {alias}.{owner} = t.key AND {is_metric}"));
                format!("coalesce({alias}.is_nan, 2), {alias}.value {direction}")
            }
            Key::Param(name) => self.value_by_name(builder, (columns::params(entity), name), alias, direction),
            Key::Tag(name) => self.value_by_name(builder, (columns::tags(entity), name), alias, direction),
            // In no order: a run has many.
            Key::Dataset(_) => format!("t.key {direction}"),
        }
    }

    fn value_by_name(
        &mut self,
        builder: &mut Builder,
        (table, name): (columns::ValueTable, &str),
        alias: &str,
        direction: &str,
    ) -> String {
        let columns::ValueTable { table, owner } = table;
        let name = builder.bind_text(name);
        self.join(&format!("{table} AS {alias} ON {alias}.{owner} = t.key AND {alias}.name = {name}"));
        format!("{alias}.value {direction} NULLS LAST")
    }

    fn join(&mut self, table: &str) {
        self.joins.push_str(" LEFT JOIN ");
        self.joins.push_str(table);
    }
}

/// A logged model has a row per run and dataset for a metric: the latest counts.
fn logged_metric(builder: &mut Builder, name: &str, item: &OrderItem, direction: &str) -> String {
    let is_metric = builder.is_metric("x", name);
    let on_dataset = match &item.dataset {
        Some(dataset) => format!(" AND {}", builder.measured_on(std::slice::from_ref(dataset))),
        None => String::new(),
    };
    let latest = |column: &str| {
        format!(
            "(SELECT x.{column} FROM logged_model_metric AS x WHERE x.model = t.key AND {is_metric}{on_dataset} \
             ORDER BY x.at DESC, x.step DESC, x.run, x.dataset_name, x.dataset_digest LIMIT 1)"
        )
    };
    format!("coalesce({}, 2), {} {direction}", latest("is_nan"), latest("value"))
}
