// The server's contract, openapi.yaml, from the page's side. Every trouble becomes one of three errors.

const PATIENCE = 15000;

// The session is gone.
export class Expired extends Error {}

// Trying again will not help; `message` is the server's sentence for the person.
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

// Try again after `wait` milliseconds, or when it suits.
export class Unreachable extends Error {
  constructor(wait = 0) {
    super("unreachable");
    this.wait = wait;
  }
}

export function openSession(role) {
  return ask("/api/v1/sessions", { body: { as: role } });
}

export function postMessage(token, message) {
  return ask("/api/v1/messages", { token, body: message });
}

export function readHistory(token) {
  return ask("/api/v1/history", { token });
}

// One JSON request; gives up after PATIENCE.
async function ask(path, { token, body }) {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), PATIENCE);
  try {
    const response = await request(path, { token, body, signal: limit.signal });
    return await response.json().catch(() => {
      throw new Unreachable();
    });
  } finally {
    clearTimeout(timer);
  }
}

// A response whose status is good; its body is still to be read.
export async function request(path, { token, body, signal, headers = {} }) {
  const options = { signal, headers, cache: "no-store" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) {
    headers["Content-Type"] = "application/json";
    options.method = "POST";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options).catch(() => {
    throw new Unreachable();
  });
  if (!response.ok) throw await trouble(response);
  return response;
}

async function trouble(response) {
  if (response.status === 401) return new Expired();
  if (response.status >= 500 || response.status === 429) {
    return new Unreachable(1000 * (Number(response.headers.get("Retry-After")) || 0));
  }
  const told = await response.json().catch(() => ({}));
  return new Refused(response.status, told.message || "");
}
