//! Requests to the API of Kilter, with the types of its OpenAPI document.
import type { components, paths } from "./schema";
import { actorHeaders, keepCsrf, knowsSession } from "./session";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** A failure as the API tells it: what, why, what next, and the id of the request. */
export class ApiError extends Error {
  constructor(
    readonly problem: Pick<Problem, "title" | "status" | "code" | "detail" | "hint"> & { causes?: string[] | undefined },
    readonly requestId: string | null,
  ) {
    super(problem.detail);
    this.name = "ApiError";
  }
}

type Method = "get" | "post";
type Operation<P extends keyof paths, M extends Method> = paths[P][M];
type PathsWith<M extends Method> = { [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never }[keyof paths];
type Json<C> = C extends { content: { "application/json": infer T } } ? T : never;
type Answer<O> = O extends { responses: infer R } ? { [S in keyof R]: S extends 200 | 202 ? Json<R[S]> : never }[keyof R] : never;
type Body<O> = O extends { requestBody: { content: { "application/json": infer T } } } ? T : undefined;
type PathParams<O> = O extends { parameters: { path: infer T } } ? T : undefined;
type QueryParams<O> = O extends { parameters: { query?: infer T } } ? T : undefined;

type Options<O> = {
  path?: PathParams<O>;
  query?: QueryParams<O>;
  body?: Body<O>;
  signal?: AbortSignal | undefined;
};

/** The address of a route with its parameters. */
export function address(template: string, path: object = {}, query: object = {}): string {
  const filled = Object.entries(path).reduce((text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(String(value))), template);
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  return search.size > 0 ? `${filled}?${search}` : filled;
}

/** Reads an answer, or throws what it says went wrong. */
export async function answerOf<T>(response: Response): Promise<T> {
  const requestId = response.headers.get("x-request-id");
  const text = await response.text();
  if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
  throw new ApiError(problemOf(text, response), requestId);
}

function problemOf(text: string, response: Response): ApiError["problem"] {
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.detail === "string") return problem;
  } catch {
    // Something in between answered, a proxy for instance: its text is all there is.
  }
  const detail = text.slice(0, 300) || `the server answered ${response.status} ${response.statusText}`;
  return { title: "no answer of Kilter", status: response.status, code: "unknown", detail, hint: "look whether the server and what lies before it run" };
}

/** Learns of the session, if there is one. */
async function learnSession(): Promise<void> {
  const response = await fetch("/api/v1/whoami", { headers: { accept: "application/json", ...actorHeaders() } }).catch(() => null);
  if (response?.ok) keepCsrf(((await response.json()) as Schemas["WhoAmI"]).csrf ?? null);
}

async function send(method: string, url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  if (method !== "GET" && !knowsSession()) await learnSession();
  const headers: Record<string, string> = { accept: "application/json", ...actorHeaders() };
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(url, { method, headers, body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    const problem = { title: "no connection", status: 0, code: "unreachable", detail: "The server could not be reached.", hint: "look whether `kilter server` runs; what is on the screen is what was known last" };
    throw new ApiError(problem, null);
  }
}

export async function get<P extends PathsWith<"get">>(route: P, options: Options<Operation<P, "get">> = {}): Promise<Answer<Operation<P, "get">>> {
  return answerOf(await send("GET", address(route, options.path ?? {}, options.query ?? {}), undefined, options.signal));
}

export async function post<P extends PathsWith<"post">>(route: P, options: Options<Operation<P, "post">> = {}): Promise<Answer<Operation<P, "post">>> {
  return answerOf(await send("POST", address(route, options.path ?? {}, options.query ?? {}), options.body ?? {}, options.signal));
}

/** A request to a route that the OpenAPI document does not type (V2 inference, MLflow). */
export async function raw<T>(method: "GET" | "POST", url: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return answerOf<T>(await send(method, url, body, signal));
}
