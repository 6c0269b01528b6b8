"""Answers the rows of one MLflow model to Kilter, over the socket that is its standard input.

A frame is a length (u32) and a number (u64); a request goes on with its rows (u32), four bytes of nothing and one block per column, an answer
with a status (u8) and what it says; all of it is little-endian. The columns are stated once, in the first frame. `crates/runtimes/src/python/frame.rs` has the other end.
"""

import inspect
import json
import os
import socket
import struct
import sys
import threading
import time
import traceback

MAX_FRAME = 1 << 28
HEAD = 16
MAX_TEXT = 8 << 10
MAX_COLUMNS = 100_000

VALUES, CLASSES, REFUSED, FAILED, READY = range(5)
# Flavors whose own objects have probabilities, which `predict` of MLflow leaves out.
ESTIMATORS = {"sklearn", "xgboost", "lightgbm", "catboost"}


class Unfit(Exception):
    """The model cannot be served; what to change."""


class Refused(Exception):
    """The rows are at fault."""


class Wrong(Exception):
    """The model answered what no model of its description answers."""


def open_socket():
    """The socket, out of reach of what the model reads and prints."""
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return connection


def end_with(parent):
    """Ends this process when the server is gone, also while the model works."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def limit_memory(limit):
    if limit:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def receive(connection, count):
    """Exactly `count` bytes; `None` when the server closed the socket."""
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = connection.recv_into(view)
        if got == 0:
            return None
        view = view[got:]
    return data


def send(connection, number, status, payload):
    connection.sendall(struct.pack("<IQB", 9 + len(payload), number, status) + payload)


class Column:
    """One column that the model takes."""

    def __init__(self, name, kind, dtype, required=True):
        self.name, self.kind, self.dtype, self.required = name, kind, dtype, required

    def describe(self):
        # Whole numbers and booleans of pandas have no missing value; a column that may be left out may be missing throughout.
        is_whole = self.kind in ("integer", "boolean") and self.required
        return {
            "name": self.name,
            "kind": self.kind,
            "missing": "refused" if is_whole else "allowed",
            "infinite": "passed",
            "optional": not self.required,
        }


def kind_of(dtype):
    kinds = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "text", "O": "text"}
    if dtype.kind not in kinds:
        raise Unfit(f"its signature has an input of the type {dtype}, which no request carries")
    return kinds[dtype.kind]


class Columns:
    """The columns of a signature, and how a frame becomes what `predict` takes."""

    def __init__(self, schema):
        self.tensors = None
        self.names_columns = True
        self.columns = self.of_tensors(schema.inputs) if schema.is_tensor_spec() else self.of_columns(schema.inputs)
        if not 0 < len(self.columns) <= MAX_COLUMNS:
            raise Unfit(f"its signature has {len(self.columns)} columns; 1 to {MAX_COLUMNS} are taken")
        if len({column.name for column in self.columns}) < len(self.columns):
            raise Unfit("its signature names a column twice")
        self.names = pd.Index([column.name for column in self.columns]) if self.names_columns else None
        self.is_plain = all(column.dtype == np.dtype("<f8") for column in self.columns) and not self.tensors

    def of_columns(self, specs):
        from mlflow.types import DataType

        kinds = {
            DataType.boolean: ("boolean", np.dtype("bool")),
            DataType.integer: ("integer", np.dtype("int32")),
            DataType.long: ("integer", np.dtype("int64")),
            DataType.float: ("number", np.dtype("<f4")),
            DataType.double: ("number", np.dtype("<f8")),
            DataType.string: ("text", np.dtype("O")),
            DataType.datetime: ("time", np.dtype("datetime64[ns]")),
        }
        self.names_columns = all(spec.name is not None for spec in specs)
        columns = []
        for at, spec in enumerate(specs):
            name = spec.name if self.names_columns else f"X_{at}"
            if spec.type not in kinds:
                raise Unfit(f"its signature has `{name}` of the type {spec.type}, which no request carries")
            columns.append(Column(str(name), *kinds[spec.type], required=spec.required is not False))
        return columns

    def of_tensors(self, specs):
        columns, self.tensors = [], []
        for spec in specs:
            shape = tuple(spec.shape)
            if not shape or shape[0] != -1 or any(size < 1 for size in shape[1:]):
                raise Unfit(f"its signature has a tensor of the shape {shape}; the first size must be -1, the others known")
            width = int(np.prod(shape[1:], dtype=np.int64)) if len(shape) > 1 else 1
            if width > MAX_COLUMNS:
                raise Unfit(f"its signature has a tensor of {width} columns; at most {MAX_COLUMNS} are taken")
            name = spec.name or "X"
            names = [name] if len(shape) == 1 else [f"{name}_{at}" for at in range(width)]
            columns += [Column(one, kind_of(spec.type), spec.type) for one in names]
            self.tensors.append((spec.name, shape, width))
        self.names_columns = len(self.tensors) > 1
        return columns

    def read(self, frame, rows):
        """What `predict` takes, of the blocks of a frame."""
        if self.is_plain and len(frame) - HEAD == 8 * rows * len(self.columns):
            block = np.frombuffer(frame, "<f8", rows * len(self.columns), HEAD).reshape(len(self.columns), rows).T
            return pd.DataFrame(block, columns=self.names, copy=False)
        at, arrays = HEAD, []
        for column in self.columns:
            at, values, missing = BLOCKS[column.kind](frame, at, rows)
            arrays.append(self.shaped(column, values, missing))
        if at != len(frame):
            raise Wrong("the frame has another length than its columns")
        if self.tensors:
            return self.as_tensors(arrays, rows)
        kept = {column.name: array for column, array in zip(self.columns, arrays) if array is not None}
        data = pd.DataFrame(kept, copy=False)
        if not self.names_columns:
            data.columns = range(len(data.columns))
        return data

    def shaped(self, column, values, missing):
        """The values of a column in the type that the signature states; `None` for one that is left out."""
        if column.kind in ("integer", "boolean") and missing is not None:
            if missing.all() and not column.required:
                return None
            raise Refused(f"the column `{column.name}` lacks a value in some rows; whole numbers and booleans have none for it")
        if column.kind == "integer" and column.dtype.itemsize < 8:
            limits = np.iinfo(column.dtype)
            if len(values) and (values.min() < limits.min or values.max() > limits.max):
                raise Refused(f"the column `{column.name}` has a number beyond the range of {column.dtype}")
        if column.kind == "time":
            times = values.astype("datetime64[ms]").astype("datetime64[ns]")
            if missing is not None:
                times[missing] = np.datetime64("NaT")
            return times
        return values if column.kind == "text" else values.astype(column.dtype, copy=False)

    def as_tensors(self, arrays, rows):
        tensors, at = {}, 0
        for name, shape, width in self.tensors:
            block = np.stack(arrays[at : at + width], axis=1).reshape((rows,) + shape[1:])
            tensors[name], at = block, at + width
        return tensors if self.names_columns else tensors[self.tensors[0][0]]


def numbers(frame, at, rows):
    return at + 8 * rows, np.frombuffer(frame, "<f8", rows, at), None


def mask(frame, at, rows, has_missing):
    if not has_missing:
        return at, None
    return at + rows, np.frombuffer(frame, "u1", rows, at).astype(bool)


def integers(frame, at, rows):
    values = np.frombuffer(frame, "<i8", rows, at + 1)
    end, missing = mask(frame, at + 1 + 8 * rows, rows, frame[at])
    return end, values, missing


def booleans(frame, at, rows):
    values = np.frombuffer(frame, "u1", rows, at)
    missing = values == 2
    return at + rows, values == 1, missing if missing.any() else None


def texts(frame, at, rows):
    ends = np.frombuffer(frame, "<u4", rows, at + 1)
    start = at + 1 + 4 * rows
    end = start + (int(ends[-1]) if rows else 0)
    content = bytes(frame[start:end])
    values, begin = np.empty(rows, dtype=object), 0
    for row, stop in enumerate(ends.tolist()):
        values[row], begin = content[begin:stop].decode(), stop
    end, missing = mask(frame, end, rows, frame[at])
    if missing is not None:
        values[missing] = None
    return end, values, missing


BLOCKS = {"number": numbers, "integer": integers, "boolean": booleans, "text": texts, "time": integers}


def class_name(value):
    """A class as Kilter writes the values of a column."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def without_checks(model):
    """What `predict` of MLflow calls after it has compared the data with the signature, which takes 70 us a column and finds nothing: a frame
    is made by the signature. `None` where MLflow does more than compare: parameters with defaults, and types that are read from hints."""
    meta, own = model.metadata, getattr(model, "_model_impl", None)
    makes_more = [getattr(meta, name, None) for name in ("_is_signature_from_type_hint", "_is_type_hint_from_example")]
    if own is None or meta.get_params_schema() is not None or any(check is None or check() for check in makes_more):
        return None
    stated = inspect.signature(own.predict).parameters.get("params")
    if stated is None or stated.kind == inspect.Parameter.VAR_KEYWORD:
        return own.predict
    return lambda data: own.predict(data, params=None)


class Answers:
    """What the model answers, and how its output becomes one number per row, or one per row and class."""

    def __init__(self, model, info):
        self.predict, self.without_checks = model.predict, without_checks(model)
        self.raw, self.names, self.classes = None, None, []
        if ESTIMATORS & set(info.flavors):
            self.raw = model.get_raw_model()
        outputs = info.signature.outputs
        stated = (info.metadata or {}).get("classes")
        known = getattr(self.raw, "classes_", None)
        if stated is not None:
            self.form, self.classes = "output", [class_name(value) for value in stated]
        elif known is not None and hasattr(self.raw, "predict_proba"):
            self.form, self.classes = "predict_proba", [class_name(value) for value in known]
        elif known is not None and hasattr(self.raw, "decision_function"):
            self.form, self.classes = "decision_function", [class_name(value) for value in known]
        elif known is not None:
            self.form, self.classes = "output", [class_name(value) for value in known]
        else:
            self.form = "output"
            self.of_signature(outputs)
        if self.classes and (len(self.classes) < 2 or len(set(self.classes)) < len(self.classes)):
            raise Unfit(f"its classes are {self.classes}; a classifier has two or more, each once")

    def of_signature(self, outputs):
        """Regression or classes, by the outputs of the signature."""
        classes = 'state its classes with `log_model(..., metadata={"classes": ["no", "yes"]})`'
        if outputs is None:
            raise Unfit("its signature has no outputs; log it with `signature=infer_signature(inputs, outputs)`")
        if outputs.is_tensor_spec():
            spec = outputs.inputs[0]
            shape = tuple(spec.shape)
            if len(outputs.inputs) > 1 or spec.type.kind not in "fiub" or len(shape) > 2:
                raise Unfit(f"its output is neither a number per row nor a number per row and class; {classes}")
            width = shape[1] if len(shape) == 2 else 1
            if width < 1:
                raise Unfit(f"its output has the shape {shape}, which does not say how many classes there are; {classes}")
            self.classes = [str(at) for at in range(width)] if width > 1 else []
            return
        names = [spec.name for spec in outputs.inputs]
        is_number = [str(getattr(spec.type, "name", "")) in ("double", "float", "long", "integer") for spec in outputs.inputs]
        of_classes = [name for name in names if name and str(name).startswith("probability_")]
        if len(of_classes) > 1:
            self.names, self.classes = of_classes, [str(name)[len("probability_") :] for name in of_classes]
        elif not all(is_number):
            raise Unfit(f"it answers {names}, of which some are no numbers; {classes}")
        elif len(names) > 1:
            self.names = names if all(name is not None for name in names) else None
            self.classes = [str(at) if name is None else str(name) for at, name in enumerate(names)]

    def ask(self, data, rows):
        """Status and numbers."""
        if self.form == "predict_proba":
            out = self.raw.predict_proba(self.for_raw(data))
        elif self.form == "decision_function":
            out = np.asarray(self.raw.decision_function(self.for_raw(data)), dtype="<f8")
            out = np.stack([-out, out], axis=1) if out.ndim == 1 else out
        else:
            out = self.predict(data)
            # MLflow took the first frame, and the others have the same columns and types.
            self.predict = self.without_checks or self.predict
        return (CLASSES, self.of_classes(out, rows)) if self.classes else (VALUES, self.of_values(out, rows))

    def for_raw(self, data):
        # An estimator that was fitted without names warns of each frame with some.
        has_names = hasattr(self.raw, "feature_names_in_") or not isinstance(data, pd.DataFrame)
        return data if has_names or any(dtype == object for dtype in data.dtypes) else data.to_numpy()

    def of_values(self, out, rows):
        if isinstance(out, pd.DataFrame) and "score" in out.columns:
            out = out["score"]
        values = self.as_numbers(out)
        if values.shape not in ((rows,), (rows, 1)):
            raise Wrong(f"it answered an array of the shape {values.shape} for {rows} rows; one number per row is needed")
        return values.reshape(rows)

    def of_classes(self, out, rows):
        if isinstance(out, pd.DataFrame):
            named = self.names or [f"probability_{name}" for name in self.classes]
            if all(name in out.columns for name in named):
                out = out[list(named)]
            elif "label" in out.columns:
                out = out["label"]
        shape = np.shape(out)
        if len(shape) == 2 and shape[1] == 1 and len(self.classes) > 1:
            out, shape = np.asarray(out)[:, 0], shape[:1]
        if shape == (rows,):
            return self.of_labels(out, rows)
        values = self.as_numbers(out)
        if values.shape != (rows, len(self.classes)):
            raise Wrong(f"it answered an array of the shape {values.shape} for {rows} rows of {len(self.classes)} classes")
        return values

    def of_labels(self, out, rows):
        """Labels, and of two classes also the probability of the second."""
        values = np.asarray(out)
        if values.dtype.kind == "f" and len(self.classes) == 2 and not np.isin(values, (0.0, 1.0)).all():
            return np.stack([1.0 - values, values], axis=1).astype("<f8")
        places = {name: at for at, name in enumerate(self.classes)}
        answer = np.zeros((rows, len(self.classes)), dtype="<f8")
        for row, value in enumerate(values.tolist()):
            at = places.get(class_name(value))
            if at is None:
                raise Wrong(f"it answered `{str(value)[:80]}`, which is none of its classes {self.classes[:20]}")
            answer[row, at] = 1.0
        return answer

    def as_numbers(self, out):
        try:
            return np.ascontiguousarray(np.asarray(out), dtype="<f8")
        except (TypeError, ValueError) as error:
            raise Wrong(f"it answered no numbers: {error}") from error


class Served:
    """The model of a folder."""

    def __init__(self, folder):
        info = Model.load(folder)
        if "python_function" not in info.flavors:
            raise Unfit(f"its flavors are {sorted(info.flavors)}; `python_function` is not among them")
        if info.signature is None or info.signature.inputs is None:
            raise Unfit("it has no signature; log it with `signature=infer_signature(inputs, outputs)` or an `input_example`")
        self.columns = Columns(info.signature.inputs)
        self.answers = Answers(mlflow.pyfunc.load_model(folder), info)

    def describe(self):
        classes = self.answers.classes
        task = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
        inputs = [column.describe() for column in self.columns.columns]
        return {
            "signature": {"inputs": inputs, "task": task, "classes": classes},
            "names_columns": self.columns.names_columns,
            "answers_by": self.answers.form,
            "python": ".".join(map(str, sys.version_info[:3])),
            "mlflow": mlflow.__version__,
        }

    def answer(self, frame):
        """The payload of an answer: its status and bytes."""
        (rows,) = struct.unpack_from("<I", frame, 8)
        try:
            status, values = self.answers.ask(self.columns.read(frame, rows), rows)
            head = struct.pack("<I", values.shape[1]) if status == CLASSES else b""
            return status, head + values.tobytes()
        except Exception as error:
            return failure(error)


def is_of_rows(error):
    """Whether the rows are at fault: what MLflow and scikit-learn raise for values that a model does not take."""
    code = getattr(error, "error_code", None)
    return isinstance(error, (Refused, ValueError, TypeError)) or code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


def failure(error):
    if not isinstance(error, (Refused, Unfit, Wrong)):
        traceback.print_exc(file=sys.stderr)
    own = isinstance(error, (Refused, Unfit, Wrong))
    text = str(error) if own else f"{type(error).__name__}: {error}"
    is_refused = isinstance(error, Unfit) or (is_of_rows(error) and not isinstance(error, Wrong))
    return REFUSED if is_refused else FAILED, text.encode(errors="replace")[:MAX_TEXT]


def serve(connection, served):
    while True:
        head = receive(connection, 4)
        if head is None:
            return
        (length,) = struct.unpack("<I", head)
        if not HEAD <= length <= MAX_FRAME:
            sys.exit(f"a frame of {length} bytes came; {HEAD} to {MAX_FRAME} are taken")
        frame = receive(connection, length)
        if frame is None:
            return
        (number,) = struct.unpack_from("<Q", frame)
        send(connection, number, *served.answer(frame))


def main():
    global Model, mlflow, np, pd
    folder, parent, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    connection = open_socket()
    end_with(parent)
    limit_memory(memory)
    try:
        import mlflow
        import mlflow.pyfunc
        import numpy as np
        import pandas as pd
        from mlflow.models import Model

        served = Served(folder)
        ready = json.dumps(served.describe()).encode()
    except Exception as error:
        send(connection, 0, *failure(error))
        return
    send(connection, 0, READY, ready)
    serve(connection, served)


main()
