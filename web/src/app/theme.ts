/** Light to dark and back; what is chosen is stored in this browser. */
export function toggleTheme(): void {
  const next = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
  document.documentElement.dataset["theme"] = next;
  try {
    localStorage.setItem("kilter.theme", next);
  } catch {
    // Storage is off: it holds for this page.
  }
  window.dispatchEvent(new Event("kilter-theme"));
}
