// The box and its button.

// Calls `onSay` with the trimmed text; Enter says it, Shift+Enter begins a line, and an input method finishes its word.
export function composer({ form, box, onSay }) {
  const say = (event) => {
    event.preventDefault();
    const text = box.value.trim();
    box.focus();
    if (!text) return;
    box.value = "";
    fit(box);
    onSay(text);
  };
  form.addEventListener("submit", say);
  box.addEventListener("input", () => fit(box));
  window.addEventListener("resize", () => fit(box));
  box.addEventListener("keydown", (event) => {
    const composing = event.isComposing || event.keyCode === 229; // Safari ends the composition first
    if (event.key === "Enter" && !event.shiftKey && !composing) say(event);
  });
}

// As high as its text; the style sheet sets the limit.
export function fit(box) {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}
