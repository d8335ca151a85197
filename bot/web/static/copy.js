// Text that leaves the page by copying takes its AI line along.

// Whether it worked. The clipboard interface exists on secure origins only; intranets often have none.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const box = document.createElement("textarea");
  box.value = text;
  box.readOnly = true;
  box.className = "unseen";
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  return done;
}

// For a person who marks a part of an answer and copies that.
export function labelCopies(log) {
  log.addEventListener("copy", (event) => {
    const selection = window.getSelection();
    const labels = [...log.querySelectorAll(".paper")]
      .filter((paper) => selection.containsNode(paper, true))
      .map((paper) => paper.querySelector("[data-slot=label]").textContent);
    const missing = [...new Set(labels)].filter((label) => label && !selection.toString().includes(label));
    if (!missing.length) return;
    event.clipboardData.setData("text/plain", [selection.toString(), ...missing].join("\n\n"));
    event.preventDefault();
  });
}
