// Dark or light: the system's choice, or the visitor's, which the server reads from a cookie before it draws the page.

const SYSTEM = "(prefers-color-scheme: dark)";
const YEAR_SECONDS = 31536000;

/** The style sheet of the dark tokens; its `media` decides. A page of its own, such as a report, has none. */
const sheet = () => /** @type {HTMLLinkElement | null} */ (document.getElementById("dark-tokens"));

/** Whether the page is dark now. */
export const isDark = () => matchMedia(sheet()?.media ?? SYSTEM).matches;

/**
 * Call `act` whenever the theme changes, by the system or by the visitor.
 * @param {() => void} act
 */
export function onTheme(act) {
  matchMedia(SYSTEM).addEventListener("change", act);
  document.addEventListener("theme", act);
}

/** Change to the other theme. The one that the system has is followed, not pinned. */
export function switchTheme() {
  const dark = !isDark(), pinned = dark !== matchMedia(SYSTEM).matches, dress = sheet();
  if (!dress) return;
  dress.media = pinned ? (dark ? "all" : "not all") : SYSTEM;
  const age = pinned ? YEAR_SECONDS : 0;
  document.cookie = `theme=${dark ? "dark" : "light"};path=/;max-age=${age};samesite=lax`;
  document.dispatchEvent(new Event("theme"));
}
