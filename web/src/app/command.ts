//! The command of the terminal that shows what an address shows.

export function commandFor(href: string): string {
  const [path = "/", query = ""] = href.split("?");
  const [first, a, b, c] = path.split("/").filter(Boolean).map(decodeURIComponent);
  const search = new URLSearchParams(query);
  switch (first) {
    case undefined:
      return search.has("asof") ? `kilter status --as-of ${search.get("asof")}` : "kilter status";
    case "inbox":
      return "kilter inbox";
    case "runs":
      if (a === "compare") return `kilter runs compare ${(search.get("ids") ?? "").split(",").join(" ")}`;
      return a === undefined ? (search.has("q") ? `kilter runs search '${search.get("q")}'` : "kilter runs list") : `kilter runs show ${a}`;
    case "models":
      return a === undefined ? "kilter model list" : b === undefined || b === "diff" ? `kilter model show ${a}` : `kilter model show ${a}@${b}`;
    case "deployments":
      return "kilter deployment list";
    case "monitors":
      return a === undefined ? "kilter monitor list" : `kilter monitor show ${a}`;
    case "audit":
      return a === undefined ? "kilter audit list" : `kilter audit show ${a}`;
    case "workflows":
      return c === undefined ? "kilter runs list" : `kilter runs show ${c}`;
    case "objectives":
      return "kilter status";
    default:
      return "kilter status";
  }
}
