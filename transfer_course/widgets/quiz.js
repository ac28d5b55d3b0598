// A quiz: a form per question. The page alone knows what was answered, so no kernel is needed.

const letter = index => String.fromCharCode(65 + index);

// What to say about the first answers: true, false, or null where there is none yet.
function score(answers) {
  const right = answers.filter(it => it === true).length;
  const open = answers.filter(it => it === null).length;
  if (open === answers.length) return `${open} questions. Your first answer to each one counts.`;
  return `Score: ${right} of ${answers.length}.` + (open ? ` Questions to go: ${open}.` : "");
}

function render({ model, el }) {
  const questions = model.get("questions");
  const answers = questions.map(() => null);
  el.classList.add("tc-quiz");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Quiz");

  const forms = questions.map(({ question, options }, number) => {
    const form = element(el, "form");
    const box = element(form, "fieldset");
    element(box, "legend").innerHTML = `${number + 1}. ${question}`;
    const choices = options.map(({ option, right, why }, index) => {
      const item = element(box, "div", { class: "tc-option" });
      const label = element(item, "label");
      const radio = input(label, { type: "radio", name: "answer", required: "" });
      element(label, "span").innerHTML = `${letter(index)}. ${option}`;
      // What appears within a live region is read out.
      const region = element(item, "div", { "aria-live": "polite" });
      const text = element(region, "p", { class: right ? "tc-yes" : "tc-no", hidden: "" });
      text.innerHTML = `<b>${right ? "Right" : "Not quite"}:</b> ${why}`;
      return { radio, right, text };
    });
    element(box, "button", { type: "submit", ...OWN_KEYS }, "Check");
    form.addEventListener("submit", event => {
      event.preventDefault();
      const { right, text } = choices.find(({ radio }) => radio.checked);
      text.hidden = false;
      answers[number] ??= right;
      show();
    });
    form.addEventListener("reset", () => {
      for (const { text } of choices) text.hidden = true;
      answers[number] = null;
    });
    return form;
  });

  const end = element(el, "div", { class: "tc-end" });
  const words = element(end, "p", { role: "status", "aria-live": "polite" });
  const again = button(end, "Try again", () => {
    for (const form of forms) form.reset();
    show();
    forms[0].querySelector("input").focus();
  });

  function show() {
    words.textContent = score(answers);
    again.hidden = answers.every(it => it === null);
  }

  show();
}

export default { render, score };
