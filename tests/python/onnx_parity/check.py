"""Does the real onnxruntime answer what Kilter's own executor answered?

usage: python check.py FOLDER   every FOLDER/NAME.onnx with NAME.rows.json (a JSON table) and NAME.answer.json
Prints one JSON line a model: {"model", "rows", "size", "max_difference", "labels_differ"}. Differences of probabilities are
absolute. Those of values are relative to their own size or to the median size of all, whichever is more (and absolute
below 1): onnxruntime adds the leaves of n trees in float32, and each addition rounds by up to 2^-24 = 6e-8 of the sum so
far, also where the terms cancel. The error is at most n * 6e-8 of the size of the terms, 2.4e-6 for the 40 trees here,
and of a value near zero it may be any multiple: 1.6e-5 of its own size was seen. Kilter adds in double and rounds once, so
the difference is theirs. The median and not the mean: one row of 3e38 would excuse every other one.
Exit code 2 when onnxruntime is not there."""
import glob, json, os, sys

import numpy as np

MISSING_TIME = -(2**63)


def feeds(session, columns):
    """The input tensors, as the model's metadata says: NaN, "" and the smallest int64 are missing."""
    by_name = {column["name"]: column for column in columns}
    out = {}
    for item in session.get_inputs():
        values = by_name[item.name]["values"]
        kind = by_name[item.name]["type"]
        if item.type == "tensor(string)":
            label = lambda v: "" if v is None else str(v).lower() if isinstance(v, bool) else v if kind == "text" else number(v)
            array = np.array([label(v) for v in values], dtype=object)
        elif item.type == "tensor(int64)":
            array = np.array([MISSING_TIME if v is None else v for v in values], dtype=np.int64)
        else:
            array = np.array([np.nan if v is None else infinite(v) for v in values], dtype=np.float32)
        out[item.name] = array.reshape(-1, 1)
    return out


def infinite(value):
    return float(value) if isinstance(value, str) else value


def number(value):
    return str(int(value)) if float(value).is_integer() else repr(value)


def compare(path, columns, answer):
    """The largest difference between onnxruntime and `answer`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    results = session.run(None, feeds(session, columns))
    if answer.get("probabilities") is None:
        theirs, ours = results[0].ravel().astype(float), np.array(answer["scores"])
    else:
        theirs, ours = results[1].ravel().astype(float), np.array(answer["probabilities"], dtype=float)
        labels = [str(label) for label in results[0].ravel()]
        # Where two classes are as good as equal either label is right.
        ordered = np.sort(results[1], axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > 1e-5
        answer["labels_differ"] = sum(a != b for a, b, s in zip(labels, answer["labels"], sure) if s)
    if theirs.shape != ours.shape or np.isnan(theirs).any() or np.isnan(ours).any():
        return float("inf")
    answer["size"] = size = float(max(1.0, np.median(np.abs(theirs)))) if theirs.size else 1.0
    return float((np.abs(theirs - ours) / np.maximum(size, np.abs(theirs))).max(initial=0.0))


def main():
    try:
        import onnxruntime  # noqa: F401
    except ImportError as error:
        print(f"onnxruntime is not installed: {error}", file=sys.stderr)
        sys.exit(2)
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx"))):
        stem = path[: -len(".onnx")]
        with open(stem + ".rows.json") as file:
            columns = json.load(file)
        with open(stem + ".answer.json") as file:
            answer = json.load(file)
        difference = compare(path, columns, answer)
        print(json.dumps({
            "model": os.path.basename(stem),
            "rows": len(answer["scores"]),
            "size": answer.get("size"),
            "max_difference": difference if np.isfinite(difference) else 1e300,
            "labels_differ": answer.get("labels_differ", 0),
        }))


if __name__ == "__main__":
    main()
