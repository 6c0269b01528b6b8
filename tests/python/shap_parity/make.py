"""What the real `shap` says of models that Kilter wrote.

usage: python make.py FOLDER   reads every FOLDER/NAME.onnx with NAME.rows.json and NAME.background.json (JSON tables) and
writes NAME.shap.json: {"versions", "columns", "outputs": [{"base", "values", "against": {"base", "values"}}]}.
Needs shap, onnx, onnxruntime, numpy. `KILTER_UPDATE=1 cargo test -p kilter-train --test explanations` writes the models.

Trees: `base` and `values` are shap.TreeExplainer's path-dependent values, "against" its interventional ones with the
background. Linear models: shap.LinearExplainer's with the background, which is all training rows; "against" is the same.
The graph up to the learner is run by onnxruntime; values are summed back to the table's columns by following each
matrix that is joined back to the one input that it is made of."""
import glob, json, os, sys

import numpy as np, onnx, onnxruntime, shap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "onnx_parity"))
from check import feeds  # noqa: E402


class Graph:
    def __init__(self, path):
        self.proto = onnx.load(path)
        self.maker = {out: node for node in self.proto.graph.node for out in node.output}
        self.constants = {t.name: onnx.numpy_helper.to_array(t) for t in self.proto.graph.initializer}
        self.inputs = [i.name for i in self.proto.graph.input]

    def run(self, names, columns):
        proto = onnx.ModelProto(); proto.CopyFrom(self.proto)
        del proto.graph.output[:]
        proto.graph.output.extend(onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return [np.asarray(v, np.float64) for v in session.run(None, feeds(session, columns))]

    def ancestors(self, name):
        if name in self.inputs: return {name}
        node = self.maker.get(name)
        return set().union(*(self.ancestors(i) for i in node.input if i)) if node else set()

    def origins(self, name, width):
        """The input of each of `width` columns of the value `name`."""
        found = self.ancestors(name)
        if len(found) == 1: return list(found) * width
        node = self.maker[name]
        if node.op_type == "Concat":
            parts = [i for i in node.input]
            widths = {p: v.shape[1] for p, v in zip(parts, self.run(parts, self.sample))}
            return [o for p in parts for o in self.origins(p, widths[p])]
        if node.op_type == "Gather":
            picks = self.constants[node.input[1]]
            before = self.origins(node.input[0], int(self.run([node.input[0]], self.sample)[0].shape[1]))
            return [before[i] for i in picks]
        if node.op_type in ("Scaler", "Imputer", "IsNaN", "Cast"): return self.origins(node.input[0], width)
        raise ValueError(f"{node.op_type} mixes {found}")


def attributes(node): return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def trees(node):
    """By output: the trees in the form that shap.TreeExplainer takes."""
    a = attributes(node); base = list(a["base_values"])
    weight = {}
    for t, n, o, w in zip(a["target_treeids"], a["target_nodeids"], a["target_ids"], a["target_weights"]): weight[(t, n)] = (o, float(w))
    by_tree = {}
    for i, (t, n) in enumerate(zip(a["nodes_treeids"], a["nodes_nodeids"])): by_tree.setdefault(t, []).append((n, i))
    out = [[] for _ in base]
    for t, nodes in by_tree.items():
        nodes.sort(); index = {n: k for k, (n, _) in enumerate(nodes)}; leaf = [a["nodes_modes"][i] == b"LEAF" for _, i in nodes]
        child = lambda key, k, i: -1 if leaf[k] else index[a[key][i]]
        left = [child("nodes_truenodeids", k, i) for k, (_, i) in enumerate(nodes)]
        right = [child("nodes_falsenodeids", k, i) for k, (_, i) in enumerate(nodes)]
        default = [l if a["nodes_missing_value_tracks_true"][i] else r for l, r, (_, i) in zip(left, right, nodes)]
        output = next(weight[(t, n)][0] for n, _ in nodes if (t, n) in weight)
        out[output].append(dict(
            children_left=np.array(left), children_right=np.array(right), children_default=np.array(default),
            features=np.array([a["nodes_featureids"][i] for _, i in nodes]), thresholds=np.array([float(a["nodes_values"][i]) for _, i in nodes]),
            values=np.array([[weight.get((t, n), (0, 0.0))[1]] for n, _ in nodes]), node_sample_weight=np.array([float(a["nodes_hitrates"][i]) for _, i in nodes])))
    return [dict(trees=t, base_offset=float(b), tree_output="raw_value", objective="squared_error", input_dtype=np.float64, internal_dtype=np.float64) for t, b in zip(out, base)]


def linear(graph):
    """The slots that are multiplied, their weights and the intercepts, from the sums of products."""
    products = [n for n in graph.proto.graph.node if n.op_type == "MatMul"]
    intercept = [c for n, c in graph.constants.items() if n.split("#")[0] == "intercepts"][0].ravel().astype(float)
    return [n.input[0] for n in products], [graph.constants[n.input[1]].astype(float) for n in products], intercept


def summed(values, origins, columns):
    out = np.zeros((values.shape[0], len(columns)))
    for j, origin in enumerate(origins): out[:, columns.index(origin)] += values[:, j]
    return out


def explain(path):
    stem = path[:-5]; read = lambda end: json.load(open(f"{stem}.{end}.json"))
    rows, background = read("rows"), read("background")
    graph = Graph(path); graph.sample = rows
    forest = [n for n in graph.proto.graph.node if n.op_type.startswith("TreeEnsemble")]
    outputs = []
    if forest:
        name = forest[0].input[0]
        (X,), (B,) = graph.run([name], rows), graph.run([name], background)
        origins = graph.origins(name, X.shape[1])
        for model in trees(forest[0]):
            path_dependent = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
            against = shap.TreeExplainer(model, data=B, feature_perturbation="interventional")
            one = lambda e: dict(base=float(np.ravel(e.expected_value)[0]), values=summed(np.asarray(e.shap_values(X, check_additivity=False)).reshape(X.shape), origins, graph.inputs).tolist())
            outputs.append(dict(**one(path_dependent), against=one(against)))
    else:
        slots, weights, intercept = linear(graph)
        X, B = np.hstack(graph.run(slots, rows)), np.hstack(graph.run(slots, background))
        origins = [o for s, w in zip(slots, weights) for o in graph.origins(s, w.shape[0])]
        W = np.vstack(weights)
        for k in range(W.shape[1]):
            e = shap.LinearExplainer((W[:, k], intercept[k]), shap.maskers.Independent(B, max_samples=len(B)))
            one = dict(base=float(e.expected_value), values=summed(e.shap_values(X), origins, graph.inputs).tolist())
            outputs.append(dict(**one, against=one))
    versions = dict(shap=shap.__version__, onnxruntime=onnxruntime.__version__, numpy=np.__version__)
    doc = dict(versions=versions, columns=graph.inputs, outputs=outputs)
    text = json.dumps(json.loads(json.dumps(doc), parse_float=lambda x: round(float(x), 10)))
    open(f"{stem}.shap.json", "w").write(text + "\n")
    print(os.path.basename(stem), len(outputs), "outputs", len(text) // 1024, "kB")


if __name__ == "__main__":
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx"))): explain(path)
