// Waiting that ends early when there is reason to hope.

const LONGEST = 15000;

// Doubling from half a second, spread so that many pages do not come back in one beat.
export function backoff(tries) {
  return Math.min(LONGEST, 500 * 2 ** tries) * (0.75 + Math.random() / 2);
}

// Resolves after `ms`, when the network returns, when the page is looked at again, or when `signal` aborts.
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", seen);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const seen = () => document.visibilityState === "visible" && done();
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", seen);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
