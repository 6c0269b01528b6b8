//! Every list is paged, and a walk by cursor misses and repeats nothing.

use kilter_store::{
    StoreError,
    page::{Cursor, Page, PageRequest},
    run::{self, RunFilter},
};

use crate::world::{World, churn, new_run};

fn walk<T>(limit: u32, mut page: impl FnMut(&PageRequest) -> Page<T>) -> Vec<T> {
    let mut request = PageRequest::first(limit);
    let mut all = Vec::new();
    loop {
        let Page { items, next } = page(&request);
        assert!(items.len() <= limit as usize);
        all.extend(items);
        match next {
            Some(cursor) => request = PageRequest::first(limit).after(cursor),
            None => return all,
        }
    }
}

fn a_walk_sees_each_row_once_though_others_are_added_meanwhile() {
    let world = World::with_records();
    let create = |id: String| world.act(1, move |audited| run::create(audited, &new_run(&id))).unwrap();
    for place in 2..=10 {
        create(format!("r-{place}"));
    }
    let filter = RunFilter { project: Some(churn()), state: None };
    let mut extra = 0;
    let walked = walk(3, |request| {
        extra += 1;
        create(format!("extra-{extra}"));
        world.store.read(|reader| run::list(reader, &filter, request)).unwrap()
    });
    let ids: Vec<_> = walked.iter().map(|run| run.id.as_str()).filter(|id| id.starts_with("r-")).collect();
    assert_eq!(ids, ["r-10", "r-9", "r-8", "r-7", "r-6", "r-5", "r-4", "r-3", "r-2", "r-1"]);
}

fn the_last_page_says_so_also_when_it_is_full() {
    let world = World::with_records();
    world.act(1, |audited| run::create(audited, &new_run("r-2"))).unwrap();
    let page = world.store.read(|reader| run::list(reader, &RunFilter::default(), &PageRequest::first(2))).unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
}

fn a_cursor_of_another_list_or_of_nowhere_is_refused() {
    let world = World::with_records();
    for text in ["", "run", "run.", "run.x", "alert.1", "run.1.2", "run.99999999999999999999", "'; DROP TABLE run"] {
        let cursor: Cursor = text.parse().unwrap();
        let request = PageRequest::default().after(cursor);
        let found = world.store.read(|reader| run::list(reader, &RunFilter::default(), &request));
        assert!(matches!(found, Err(StoreError::InvalidCursor(_))), "{text}");
    }
}

both_databases![
    a_walk_sees_each_row_once_though_others_are_added_meanwhile,
    the_last_page_says_so_also_when_it_is_full,
    a_cursor_of_another_list_or_of_nowhere_is_refused,
];
