// The page's sentences and shapes live in its HTML; here they are taken from there and filled.

export function sentence(id) {
  return document.getElementById(id).content.textContent;
}

// A copy of the template's element, and its slots by name.
export function shape(id) {
  const element = document.getElementById(id).content.firstElementChild.cloneNode(true);
  const slots = {};
  const found = [element, ...element.querySelectorAll("[data-slot]")];
  for (const slot of found) if (slot.dataset.slot) slots[slot.dataset.slot] = slot;
  return { element, slots };
}

// Text goes in as text, whatever it contains. A slot without words is not shown.
export function fill(slots, words) {
  for (const [name, text] of Object.entries(words)) {
    slots[name].textContent = text;
    slots[name].hidden = !text;
  }
}

// Only addresses a browser opens as a page; anything else leaves the link out.
export function address(link, url) {
  link.hidden = !/^https?:\/\//i.test(url);
  if (!link.hidden) link.href = url;
}

// `replaceChildren` is younger than the oldest web views.
export function replace(element, children) {
  element.textContent = "";
  element.append(...children);
}
