//! One row and a thousand through 500 trees of 31 leaves, from table to answer.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kilter_domain::table::{Column, Table};
use kilter_inference::{
    Model,
    onnx::{AttributeValue, Dim, GraphProto, ML, ModelProto, NodeProto, ValueInfo, element},
};

const TREES: usize = 500;
const LEAVES: usize = 31;
const FEATURES: usize = 20;

fn roll(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

/// The children of each node of a tree, of which a random leaf was parted again and again: as lopsided as leaf-wise boosting makes them.
fn grown(state: &mut u64) -> Vec<Option<usize>> {
    let (mut leaves, mut children) = (vec![0], vec![None]);
    while leaves.len() < LEAVES {
        let at = (roll(state) % leaves.len() as u64) as usize;
        let (node, child): (usize, usize) = (leaves.swap_remove(at), children.len());
        children[node] = Some(child);
        children.extend([None, None]);
        leaves.extend([child, child + 1]);
    }
    children
}

/// The same kind of trees as LightGBM writes them, in double precision.
fn lightgbm() -> String {
    let mut state = 1;
    let joined = |list: &[String]| list.join(" ");
    let names: Vec<String> = (0..FEATURES).map(|at| format!("x{at}")).collect();
    let mut text = format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx={}\nobjective=binary sigmoid:1\n\
         feature_names={}\ntree_sizes={}\n\n",
        FEATURES - 1,
        joined(&names),
        joined(&vec!["1".to_owned(); TREES])
    );
    for tree in 0..TREES {
        let children = grown(&mut state);
        let is_split = |at: &usize| children[*at].is_some();
        let splits: Vec<usize> = (0..children.len()).filter(is_split).collect();
        let leaves: Vec<usize> = (0..children.len()).filter(|at| !is_split(at)).collect();
        let place = |at: usize| match splits.binary_search(&at) {
            Ok(split) => split as i64,
            Err(_) => !(leaves.binary_search(&at).unwrap_or(0) as i64),
        };
        let children: Vec<usize> = splits.iter().filter_map(|&at| children[at]).collect();
        let mut draw = |count: usize, make: &dyn Fn(u64) -> String| {
            joined(&(0..count).map(|_| make(roll(&mut state))).collect::<Vec<String>>())
        };
        let child =
            |side: usize| joined(&children.iter().map(|at| place(at + side).to_string()).collect::<Vec<String>>());
        text += &format!(
            "Tree={tree}\nnum_leaves={LEAVES}\nnum_cat=0\nsplit_feature={}\nthreshold={}\ndecision_type={}\nleft_child={}\n\
             right_child={}\nleaf_value={}\nis_linear=0\nshrinkage=1\n\n",
            draw(splits.len(), &|dice| (dice % FEATURES as u64).to_string()),
            draw(splits.len(), &|dice| ((dice % 1_000) as f64 / 1_000.0 + 1e-9).to_string()),
            draw(splits.len(), &|_| "10".to_owned()),
            child(0),
            child(1),
            draw(leaves.len(), &|dice| ((dice % 1_000) as f64 / 1e5 - 0.005).to_string()),
        );
    }
    text + "end of trees\n"
}

fn forest() -> NodeProto {
    use AttributeValue::{Floats, Int, Ints, Texts};
    let mut state = 1;
    let (mut tree_ids, mut ids, mut features, mut values) = (vec![], vec![], vec![], vec![]);
    let (mut modes, mut yes, mut no, mut weights) = (vec![], vec![], vec![], vec![]);
    for tree in 0..TREES as i64 {
        let first = ids.len();
        for (id, child) in grown(&mut state).into_iter().enumerate() {
            let child = child.map(|child| child as i64);
            tree_ids.push(tree);
            ids.push(id as i64);
            features.push((roll(&mut state) % FEATURES as u64) as i64);
            values.push((roll(&mut state) % 1_000) as f32 / 1_000.0);
            modes.push(if child.is_some() { "BRANCH_LEQ" } else { "LEAF" }.to_owned());
            yes.push(child.unwrap_or(0));
            no.push(child.map_or(0, |child| child + 1));
            weights.push((roll(&mut state) % 1_000) as f32 / 1e5);
        }
        assert_eq!(ids.len() - first, 2 * LEAVES - 1);
    }
    let is_leaf: Vec<usize> = (0..ids.len()).filter(|&at| modes[at] == "LEAF").collect();
    let pick = |of: &[i64]| Ints(is_leaf.iter().map(|&at| of[at]).collect());
    NodeProto::new(ML, "TreeEnsembleRegressor", &["features"], &["score"])
        .with("target_treeids", pick(&tree_ids))
        .with("target_nodeids", pick(&ids))
        .with("target_ids", Ints(vec![0; is_leaf.len()]))
        .with("target_weights", Floats(is_leaf.iter().map(|&at| weights[at]).collect()))
        .with("n_targets", Int(1))
        .with("nodes_treeids", Ints(tree_ids))
        .with("nodes_nodeids", Ints(ids))
        .with("nodes_featureids", Ints(features))
        .with("nodes_modes", Texts(modes))
        .with("nodes_values", Floats(values))
        .with("nodes_truenodeids", Ints(yes))
        .with("nodes_falsenodeids", Ints(no))
}

fn bytes() -> Vec<u8> {
    let info = |name: &str| ValueInfo {
        name: name.into(),
        element: element::FLOAT,
        shape: Some(vec![Dim::Free("N".into()), Dim::Fixed(1)]),
    };
    let names: Vec<String> = (0..FEATURES).map(|at| format!("x{at}")).collect();
    let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let concat = NodeProto::new("", "Concat", &inputs, &["features"]).with("axis", AttributeValue::Int(1));
    let graph = GraphProto {
        name: "bench".into(),
        nodes: vec![concat, forest()],
        initializers: vec![],
        inputs: inputs.iter().map(|name| info(name)).collect(),
        outputs: vec![info("score")],
    };
    let opset = vec![(String::new(), 15), (ML.into(), 3)];
    ModelProto { ir_version: 8, opset, graph, ..ModelProto::default() }.encode()
}

fn table(rows: usize) -> Table {
    let mut state = 7;
    let mut column = || Column::Float((0..rows).map(|_| (roll(&mut state) % 1_000) as f64 / 1_000.0).collect());
    Table::new((0..FEATURES).map(|at| (format!("x{at}"), column())).collect()).expect("columns of one length")
}

fn benches(criterion: &mut Criterion) {
    for (format, bytes) in [("ONNX", bytes()), ("LightGBM", lightgbm().into_bytes())] {
        criterion.bench_function(&format!("load 500 trees of {format}"), |bencher| {
            bencher.iter(|| Model::from_bytes(&bytes).expect("a model"));
        });
        let model = Model::from_bytes(&bytes).expect("a model");
        let mut group = criterion.benchmark_group(format!("predict 500 trees of {format}"));
        for rows in [1, 8, 64, 1_000] {
            let table = table(rows);
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(format!("{rows} rows"), |bencher| {
                bencher.iter(|| model.predict(&table).expect("answers"));
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
