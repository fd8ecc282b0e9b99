// Not a module: it runs before the first paint, so that a dark screen never flashes white.
(() => {
  let theme = new URLSearchParams(location.search).get("theme");
  try {
    theme ??= localStorage.getItem("convofold.theme");
  } catch {
    // Storage can be blocked. The theme is then the system's.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
