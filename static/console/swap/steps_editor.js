// The steps of a strategy as rows: an easier face for the JSON in the field beside them, which
// is what is sent. Without script that field is all there is.
"use strict";

(() => {
  // JSON to { kind, amount }, and back; null for what is no step.
  function fromJson(step) {
    if (step === null || typeof step !== "object") return null;
    if ("setWeight" in step) return { kind: "weight", amount: String(step.setWeight) };
    if (!("pause" in step)) return null;
    const seconds = step.pause?.duration;
    return seconds === undefined ? { kind: "pause", amount: "" } : { kind: "hold", amount: String(seconds) };
  }

  function toJson({ kind, amount }) {
    if (kind === "pause") return { pause: {} };
    // What is no number is sent as it stands: the server says what is wrong with which step.
    const number = amount.trim() === "" || Number.isNaN(Number(amount)) ? amount : Number(amount);
    return kind === "weight" ? { setWeight: number } : { pause: { duration: number } };
  }

  function parse(text) {
    try {
      const given = JSON.parse(text);
      const steps = (Array.isArray(given) ? given : given.steps).map(fromJson);
      return steps.includes(null) ? null : { around: Array.isArray(given) ? null : given, steps };
    } catch {
      return null;
    }
  }

  class StepsEditor {
    constructor(part) {
      this.part = part;
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
      const read = parse(this.field.value);
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

    row({ kind, amount }) {
      const row = this.part.querySelector("template").content.firstElementChild.cloneNode(true);
      row.querySelector("[data-kind]").value = kind;
      row.querySelector("[data-amount]").value = amount;
      return row;
    }

    // Names and units of all rows: they depend on where a row stands and what it does.
    number() {
      [...this.list.children].forEach((row, index) => {
        const place = `step ${index + 1}`;
        const { kind } = stepOf(row);
        row.querySelector("[data-kind]").setAttribute("aria-label", `What ${place} does`);
        const amount = row.querySelector("[data-amount]");
        amount.setAttribute("aria-label", `${kind === "weight" ? "Percent" : "Seconds"} of ${place}`);
        amount.disabled = kind === "pause";
        row.querySelector("[data-unit]").textContent = { weight: "%", hold: "s", pause: "" }[kind];
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
        const amount = row.querySelector("[data-amount]");
        amount.value = { weight: "50", hold: "60", pause: "" }[event.target.value];
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
      if (row?.isConnected) (button.disabled ? row.querySelector("[data-up]:enabled, [data-down]:enabled") : button)?.focus();
      this.write();
    }

    // After a weight a hold, after that more weight.
    following() {
      const steps = [...this.list.children].map(stepOf);
      if (steps.at(-1)?.kind === "weight" && Number(steps.at(-1).amount) < 100) return { kind: "hold", amount: "60" };
      const weights = steps.filter((step) => step.kind === "weight").map((step) => Number(step.amount));
      return { kind: "weight", amount: String(Math.min(100, 2 * (weights.at(-1) || 5))) };
    }

    write() {
      const steps = [...this.list.children].map((row) => toJson(stepOf(row)));
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

  function stepOf(row) {
    return { kind: row.querySelector("[data-kind]").value, amount: row.querySelector("[data-amount]").value };
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
})();
