// The steps of a strategy as rows: an easier face for the JSON in the field beside them, which
// is what is sent. Without script that field is all there is.
// A kind of step: { kind, key, fields: [{ path, label, unit, usual }] }. A step here:
// { kind, amounts }, an amount a field, as text.
const at = (json, path) => path.reduce((inner, name) => inner?.[name], json);

// null for what is no step, or says more than its row could show. Of two kinds with one key it
// is the one that shows all of it.
function fromJson(step, kinds) {
  if (step === null || typeof step !== "object") return null;
  const found = kinds
    .filter(({ key }) => key in step)
    .map((kind) => ({ kind, amounts: kind.fields.map(({ path }) => String(at(step, path))) }));
  const told = ({ kind }) => JSON.stringify({ ...step, [kind.key]: step[kind.key] ?? {} });
  return found.find((one) => JSON.stringify(toJson(one)) === told(one)) ?? null;
}

function toJson({ kind, amounts }) {
  const step = kind.fields.length ? {} : { [kind.key]: {} };
  kind.fields.forEach(({ path }, index) => {
    let inner = step;
    for (const name of path.slice(0, -1)) {
      inner[name] ??= {};
      inner = inner[name];
    }
    inner[path.at(-1)] = value(amounts[index]);
  });
  return step;
}

// What is no number is sent as it stands: the server says what is wrong with which step.
const value = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text));

function parse(text, kinds) {
  try {
    const given = JSON.parse(text);
    const steps = (Array.isArray(given) ? given : given.steps).map((step) => fromJson(step, kinds));
    return steps.includes(null) ? null : { around: Array.isArray(given) ? null : given, steps };
  } catch {
    return null;
  }
}

class StepsEditor {
  constructor(part) {
    this.part = part;
    this.kinds = JSON.parse(part.dataset.kinds);
    this.field = document.getElementById(part.dataset.stepsEditor);
    this.raw = this.field.closest("details");
    this.list = part.querySelector("ol");
    this.sticky = part.querySelector("[data-sticky]");
    part.addEventListener("click", (event) => this.press(event.target.closest("button")));
    part.addEventListener("input", (event) => this.change(event));
    this.field.addEventListener("input", () => this.written || this.draw());
    this.draw();
    if (!part.hidden) this.raw.open = false;
  }

  draw() {
    const read = parse(this.field.value, this.kinds);
    this.part.hidden = read === null; // then the JSON has to be mended first
    if (read === null) {
      this.raw.open = true;
      return;
    }
    this.around = read.around;
    this.sticky.value = read.around?.stickyHeader ?? "";
    this.list.replaceChildren(...read.steps.map((step) => this.row(step)));
    this.number();
  }

  row({ kind, amounts }) {
    const row = this.part.querySelector("template").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-kind]").value = kind.kind;
    this.ask(row, kind, amounts);
    return row;
  }

  // An input a field; where there is none, one that takes nothing.
  ask(row, kind, amounts) {
    const inputs = row.querySelector("[data-amounts]");
    const blank = inputs.firstElementChild;
    inputs.replaceChildren(
      ...(kind.fields.length ? kind.fields : [null]).map((field, index) => {
        const one = blank.cloneNode(true);
        const amount = one.querySelector("[data-amount]");
        amount.value = amounts[index] ?? "";
        amount.disabled = field === null;
        amount.dataset.amount = field?.label ?? "Amount";
        one.querySelector("[data-unit]").textContent = field?.unit ?? "";
        return one;
      }),
    );
  }

  stepOf(row) {
    const name = row.querySelector("[data-kind]").value;
    const amounts = [...row.querySelectorAll("[data-amount]:enabled")].map(
      (amount) => amount.value,
    );
    return { kind: this.kinds.find(({ kind }) => kind === name), amounts };
  }

  usual(name) {
    const kind = this.kinds.find((one) => one.kind === name);
    return { kind, amounts: kind.fields.map(({ usual }) => usual) };
  }

  // Names of all that is in the rows: they depend on where a row stands.
  number() {
    [...this.list.children].forEach((row, index) => {
      const place = `step ${index + 1}`;
      row.querySelector("[data-kind]").setAttribute("aria-label", `What ${place} does`);
      for (const amount of row.querySelectorAll("[data-amount]")) {
        amount.setAttribute("aria-label", `${amount.dataset.amount} of ${place}`);
      }
      row.querySelector("[data-up]").setAttribute("aria-label", `Move ${place} up`);
      row.querySelector("[data-down]").setAttribute("aria-label", `Move ${place} down`);
      row.querySelector("[data-remove]").setAttribute("aria-label", `Remove ${place}`);
      row.querySelector("[data-up]").disabled = index === 0;
      row.querySelector("[data-down]").disabled = index === this.list.children.length - 1;
      row.querySelector("[data-remove]").disabled = this.list.children.length === 1;
    });
  }

  change(event) {
    event.stopPropagation(); // the field says it, once it is written
    const row = event.target.closest("li");
    if (event.target.matches("[data-kind]")) {
      const { kind, amounts } = this.usual(event.target.value);
      this.ask(row, kind, amounts);
      this.number();
    }
    this.write();
  }

  press(button) {
    if (!button) return;
    const row = button.closest("li");
    if (button.matches("[data-add]")) {
      this.list.append(this.row(this.following()));
      this.list.lastElementChild.querySelector("[data-kind]").focus();
    } else if (button.matches("[data-remove]")) {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      next?.querySelector("[data-remove]").focus();
    } else if (button.matches("[data-up]")) {
      row.previousElementSibling.before(row);
    } else if (button.matches("[data-down]")) {
      row.nextElementSibling.after(row);
    }
    this.number();
    // A button that cannot be pressed again leaves the focus to its neighbour.
    if (row?.isConnected)
      (button.disabled
        ? row.querySelector("[data-up]:enabled, [data-down]:enabled")
        : button
      )?.focus();
    this.write();
  }

  // After a weight a hold, after that more weight.
  following() {
    const steps = [...this.list.children].map((row) => this.stepOf(row));
    const weights = steps.filter(({ kind }) => kind.kind === "set-weight");
    const highest = Number(weights.at(-1)?.amounts[0]);
    if (steps.at(-1) === weights.at(-1) && highest < 100) return this.usual("hold");
    return { ...this.usual("set-weight"), amounts: [String(Math.min(100, 2 * (highest || 5)))] };
  }

  write() {
    const steps = [...this.list.children].map((row) => toJson(this.stepOf(row)));
    const sticky = this.sticky.value.trim();
    const around = { ...this.around };
    delete around.stickyHeader;
    if (sticky) around.stickyHeader = sticky;
    const value = Object.keys(around).length ? { ...around, steps } : steps;
    this.written = true;
    this.field.value = JSON.stringify(value);
    this.field.dispatchEvent(new Event("input", { bubbles: true })); // the plan is drawn anew
    this.written = false;
  }
}

const begun = new WeakSet();

function begin() {
  for (const part of document.querySelectorAll("[data-steps-editor]")) {
    if (!begun.has(part)) {
      begun.add(part);
      new StepsEditor(part);
    }
  }
}
document.addEventListener("htmx:afterSwap", begin);
begin();
