// Where signing in leads. Pure.

/**
 * The page to show after signing in: one of this site, whatever the address says.
 * @param {string} search
 * @param {string} origin
 */
export function nextPage(search, origin) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  try {
    const url = new URL(next, origin);
    return url.origin === origin && url.pathname !== "/login" ? url.pathname + url.search + url.hash : "/";
  } catch {
    return "/";
  }
}
