// What the page remembers between visits. Where the browser forbids it, until the page closes.

const PREFIX = "bangban.";

// As much of the Storage interface as is used here.
class Drawer extends Map {
  getItem(key) {
    return this.has(key) ? this.get(key) : null;
  }
  setItem(key, value) {
    this.set(key, value);
  }
  removeItem(key) {
    this.delete(key);
  }
  key(index) {
    return [...this.keys()][index];
  }
  get length() {
    return this.size;
  }
}

const shelf = pick();

function pick() {
  try {
    localStorage.setItem(PREFIX + "probe", "1");
    localStorage.removeItem(PREFIX + "probe");
    return localStorage;
  } catch (error) {
    return new Drawer();
  }
}

export function recall(key) {
  try {
    return JSON.parse(shelf.getItem(PREFIX + key));
  } catch (error) {
    return null; // written by something else: as good as absent
  }
}

// A full shelf is no reason to stop: the caller goes on from its own memory.
export function remember(key, value) {
  try {
    shelf.setItem(PREFIX + key, JSON.stringify(value));
  } catch (error) {
    console.warn("storage is full");
  }
}

export function forget(key) {
  shelf.removeItem(PREFIX + key);
}

// Every value whose key begins with `prefix`, in no particular order.
export function all(prefix) {
  const keys = Array.from({ length: shelf.length }, (_, index) => shelf.key(index));
  return keys
    .filter((key) => key.startsWith(PREFIX + prefix))
    .map((key) => recall(key.slice(PREFIX.length)))
    .filter(Boolean);
}
