"""Prints the routes of MLflow's own server that its classic clients and tools use: METHOD PATH, one a line.

Read off the routing tables of the installed package. Left out: what is for language models, workspaces, and the pages of the web themselves.
"""

from mlflow.server import app
from mlflow.server.handlers import get_endpoints

OTHERS = [
    "gateway", "trace", "skills", "mcp", "assistant", "scorer", "prompt", "review", "label-schemas", "issues", "jobs", "evaluation",
    "/3.0/mlflow/datasets", "/2.0/mlflow/datasets", "invoke", "telemetry", "workspaces", "static-files", "graphql", "demo", "2.0mlflow",
]

routes = {(method, path) for path, _, methods in (endpoint[:3] for endpoint in get_endpoints()) for method in methods}
for rule in app.url_map.iter_rules():
    routes |= {(method, rule.rule) for method in rule.methods - {"HEAD", "OPTIONS"}}
for method, path in sorted(routes):
    if path != "/" and not any(other in path for other in OTHERS):
        print(method, path)
