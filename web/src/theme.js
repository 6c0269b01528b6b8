// Sets the theme before the first paint: `?theme=` (embedding), then what the person chose, then the system.
(function () {
  var asked = new URLSearchParams(location.search).get("theme");
  var stored = null;
  try {
    stored = localStorage.getItem("kilter.theme");
  } catch (error) {
    stored = null; // Storage is off: the system decides.
  }
  var theme = asked === "dark" || asked === "light" ? asked : stored;
  if (theme !== "dark" && theme !== "light") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = theme;
})();
