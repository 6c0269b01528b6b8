//! Graphs within nodes: what they answer, and how they end when somebody means harm.

use std::time::{Duration, Instant};

use kilter_domain::table::{Column, Table};
use kilter_inference::{
    Model,
    onnx::{AttributeValue, Dim, GraphProto, ModelProto, NodeProto, TensorData, TensorProto, ValueInfo, element},
};

fn value(name: &str, element: i32, dims: &[i64]) -> ValueInfo {
    let dim = |&dim: &i64| if dim < 0 { Dim::Free("N".into()) } else { Dim::Fixed(dim) };
    ValueInfo { name: name.into(), element, shape: Some(dims.iter().map(dim).collect()) }
}

fn any(name: &str) -> ValueInfo {
    ValueInfo { name: name.into(), element: element::FLOAT, shape: None }
}

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto::new("", operator, inputs, outputs)
}

fn body(inputs: &[&str], nodes: Vec<NodeProto>, outputs: &[&str]) -> AttributeValue {
    AttributeValue::Graph(GraphProto {
        name: "body".into(),
        nodes,
        initializers: Vec::new(),
        inputs: inputs.iter().map(|name| any(name)).collect(),
        outputs: outputs.iter().map(|name| any(name)).collect(),
    })
}

/// A regressor of the columns `x_0` and `x_1`, with constants.
fn model(nodes: Vec<NodeProto>, constants: &[(&str, &[i64], TensorData)]) -> ModelProto {
    let tensor = |(name, dims, data): &(&str, &[i64], TensorData)| TensorProto {
        name: (*name).into(),
        dims: dims.to_vec(),
        data: data.clone(),
    };
    ModelProto {
        ir_version: 8,
        opset: vec![(String::new(), 17)],
        graph: GraphProto {
            name: "g".into(),
            nodes,
            initializers: constants.iter().map(tensor).collect(),
            inputs: vec![value("x", element::FLOAT, &[-1, 2])],
            outputs: vec![value("y", element::FLOAT, &[-1, 1])],
        },
        ..ModelProto::default()
    }
}

fn rows() -> Table {
    let column = |values: [f64; 3]| Column::Float(values.to_vec());
    Table::new(vec![("x_0".into(), column([1.0, 2.0, -3.0])), ("x_1".into(), column([0.5, 0.0, 4.0]))]).unwrap()
}

fn answer(proto: &ModelProto) -> Result<Vec<f64>, String> {
    let model = Model::from_onnx(&proto.encode()).map_err(|error| error.to_string())?;
    model.predict(&rows()).map(|answer| answer.scores().to_vec()).map_err(|error| error.to_string())
}

fn floats(values: &[f32]) -> TensorData {
    TensorData::Float(values.to_vec())
}

/// Distances from the rows of `points`, the smallest of which is answered.
fn nearest() -> ModelProto {
    let distance = body(
        &["state", "point"],
        vec![
            node("Identity", &["state"], &["state_out"]),
            // `scale` is a value of the graph around it.
            node("Sub", &["state", "point"], &["apart"]),
            node("Mul", &["apart", "scale"], &["scaled"]),
            node("ReduceSumSquare", &["scaled"], &["square"])
                .with("axes", AttributeValue::Ints(vec![1]))
                .with("keepdims", AttributeValue::Int(0)),
        ],
        &["state_out", "square"],
    );
    let nodes = vec![
        node("Scan", &["x", "points"], &["", "squares"])
            .with("num_scan_inputs", AttributeValue::Int(1))
            .with("body", distance),
        node("Transpose", &["squares"], &["by_row"]),
        node("ReduceMin", &["by_row"], &["y"]).with("axes", AttributeValue::Ints(vec![1])),
    ];
    model(nodes, &[("points", &[2, 2], floats(&[0.0, 0.0, 2.0, 0.0])), ("scale", &[1], floats(&[2.0]))])
}

#[test]
fn a_scan_runs_its_body_on_every_part_and_reads_the_graph_around_it() {
    // (1, 0.5): 1.25 from both points; (2, 0): 0; (-3, 4): 25 from the first. Four times that.
    assert_eq!(answer(&nearest()).unwrap(), [5.0, 0.0, 100.0]);
}

#[test]
fn a_file_with_a_graph_in_a_node_is_written_and_read_again() {
    let proto = nearest();
    assert_eq!(ModelProto::decode(&proto.encode()).unwrap(), proto);
}

#[test]
fn scans_run_along_other_axes_and_from_the_end() {
    let sums = |direction: i64, axis: i64| {
        let sum = body(
            &["sum", "part"],
            vec![node("Add", &["sum", "part"], &["sum_out"]), node("Identity", &["sum_out"], &["seen"])],
            &["sum_out", "seen"],
        );
        let scan = node("Scan", &["start", "x"], &["", "all"])
            .with("num_scan_inputs", AttributeValue::Int(1))
            .with("scan_input_axes", AttributeValue::Ints(vec![1]))
            .with("scan_input_directions", AttributeValue::Ints(vec![direction]))
            .with("scan_output_axes", AttributeValue::Ints(vec![axis]))
            .with("body", sum);
        let first = node("Slice", &["all", "zero", "one", "one"], &["y"]);
        let constants: [(&str, &[i64], TensorData); 3] = [
            ("start", &[3], floats(&[0.0; 3])),
            ("zero", &[1], TensorData::Int(vec![0])),
            ("one", &[1], TensorData::Int(vec![1])),
        ];
        model(vec![scan, first], &constants)
    };
    // The first sums of each row: of its first number, or of its last. The collected sums stand side by side.
    assert_eq!(answer(&sums(0, 1)).unwrap(), [1.0, 2.0, -3.0]);
    assert_eq!(answer(&sums(1, -1)).unwrap(), [0.5, 0.0, 4.0]);
    assert!(answer(&sums(0, 7)).unwrap_err().contains("axis 7"));
}

/// Doubles the first column in every turn, at most so often, while the largest is below 100.
fn doubling(turns: i64) -> ModelProto {
    let inner = body(
        &["turn", "goes_on", "state"],
        vec![
            node("Add", &["state", "state"], &["doubled"]),
            node("ReduceMax", &["doubled"], &["largest"]).with("keepdims", AttributeValue::Int(0)),
            node("Less", &["largest", "limit"], &["again"]),
        ],
        &["again", "doubled"],
    );
    let nodes = vec![
        node("Gather", &["x", "first"], &["column"]).with("axis", AttributeValue::Int(1)),
        node("Loop", &["turns", "", "column"], &["y"]).with("body", inner),
    ];
    let constants: [(&str, &[i64], TensorData); 3] = [
        ("turns", &[], TensorData::Int(vec![turns])),
        ("first", &[1], TensorData::Int(vec![0])),
        ("limit", &[], floats(&[100.0])),
    ];
    model(nodes, &constants)
}

#[test]
fn a_loop_ends_by_its_count_or_its_condition() {
    assert_eq!(answer(&doubling(3)).unwrap(), [8.0, 16.0, -24.0]);
    assert_eq!(answer(&doubling(1_000)).unwrap(), [64.0, 128.0, -192.0]);
    assert_eq!(answer(&doubling(0)).unwrap(), [1.0, 2.0, -3.0]);
}

#[test]
fn an_if_runs_the_branch_of_its_condition() {
    let choice = |limit: f32| {
        let branch = |operator: &str| body(&[], vec![node(operator, &["sum"], &["branch"])], &["branch"]);
        let nodes = vec![
            node("ReduceSum", &["x", "axis"], &["sum"]),
            node("ReduceMax", &["sum"], &["largest"]).with("keepdims", AttributeValue::Int(0)),
            node("Greater", &["largest", "limit"], &["is_large"]),
            node("If", &["is_large"], &["y"])
                .with("else_branch", branch("Identity"))
                .with("then_branch", branch("Neg")),
        ];
        model(nodes, &[("axis", &[1], TensorData::Int(vec![1])), ("limit", &[], floats(&[limit]))])
    };
    assert_eq!(answer(&choice(1.9)).unwrap(), [-1.5, -2.0, -1.0]);
    assert_eq!(answer(&choice(2.1)).unwrap(), [1.5, 2.0, 1.0]);
}

#[test]
fn a_loop_without_end_is_an_error_soon() {
    let started = Instant::now();
    let forever = body(
        &["turn", "goes_on", "state"],
        vec![node("Identity", &["goes_on"], &["again"]), node("Neg", &["state"], &["state_out"])],
        &["again", "state_out"],
    );
    let proto = model(vec![node("Loop", &["", "", "x"], &["y"]).with("body", forever)], &[]);
    assert!(answer(&proto).unwrap_err().contains("too often"));
    // A loop that collects is bounded by what it collects.
    let collecting = body(
        &["turn", "goes_on", "state"],
        vec![
            node("Identity", &["goes_on"], &["again"]),
            node("Identity", &["state"], &["state_out"]),
            node("Expand", &["state", "wide"], &["part"]),
        ],
        &["again", "state_out", "part"],
    );
    let nodes = vec![node("Loop", &["", "", "x"], &["", "y"]).with("body", collecting)];
    let proto = model(nodes, &[("wide", &[3], TensorData::Int(vec![1 << 18, 1, 2]))]);
    assert!(answer(&proto).unwrap_err().contains("too large"));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn graphs_that_do_not_fit_their_node_are_refused() {
    let identity = || vec![node("Identity", &["a"], &["b"])];
    let scan = |inputs: &[&str], count: i64, body: AttributeValue| {
        let scan = node("Scan", inputs, &["y"]).with("num_scan_inputs", AttributeValue::Int(count)).with("body", body);
        answer(&model(vec![scan], &[])).unwrap_err()
    };
    assert!(scan(&["x"], 2, body(&["a"], identity(), &["b"])).contains("num_scan_inputs"));
    assert!(scan(&["x"], 0, body(&["a"], identity(), &["b"])).contains("num_scan_inputs"));
    assert!(scan(&["x"], 1, body(&["a", "c"], identity(), &["b"])).contains("its body takes 2 values"));
    assert!(scan(&["x"], 1, body(&["a"], identity(), &["nothing"])).contains("reads `nothing`"));
    assert!(scan(&["x"], 1, AttributeValue::Int(1)).contains("`Scan`"));
    let without = answer(&model(vec![node("If", &["x"], &["y"])], &[])).unwrap_err();
    assert!(without.contains("`If`"), "{without}");
    let elsewhere = node("Neg", &["x"], &["y"]).with("body", body(&["a"], identity(), &["b"]));
    assert!(answer(&model(vec![elsewhere], &[])).unwrap_err().contains("a graph of its own"));
    // Numbers are no condition.
    let branch = || body(&[], vec![node("Identity", &["x"], &["b"])], &["b"]);
    let choice = node("If", &["x"], &["y"]).with("then_branch", branch()).with("else_branch", branch());
    assert!(answer(&model(vec![choice], &[])).unwrap_err().contains("one boolean"));
}

#[test]
fn graphs_lie_in_each_other_to_a_bounded_depth() {
    let nested = |depth: usize| {
        let leaf = node("Identity", &["x"], &["y"]);
        let wrap = |inner: NodeProto, _| {
            let inside = body(&[], vec![NodeProto { outputs: vec!["inner".into()], ..inner.clone() }], &["inner"]);
            node("If", &["yes"], &["y"]).with("then_branch", inside.clone()).with("else_branch", inside)
        };
        model(
            vec![(0..depth).fold(leaf, wrap), node("Identity", &["y"], &["z"])],
            &[("yes", &[], TensorData::Bool(vec![true]))],
        )
    };
    let mut shallow = nested(3);
    shallow.graph.nodes[1] = node("ReduceSum", &["y", "axis"], &["z"]);
    shallow.graph.initializers.push(TensorProto { name: "axis".into(), dims: vec![1], data: TensorData::Int(vec![1]) });
    shallow.graph.outputs[0].name = "z".into();
    assert_eq!(answer(&shallow).unwrap(), [1.5, 2.0, 1.0]);
    assert!(answer(&nested(12)).unwrap_err().contains("depth"));
}
