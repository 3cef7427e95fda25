// A form made from a schema, and the table of an answer. Values are put into the page as text, never as markup.
const numeric = (field) => field.kind === "float" || field.kind === "int";
const observed = (field) => field.observed || {};

function control(field, value) {
  const seen = observed(field).categories;
  const closed = field.kind === "bool" || (seen && !observed(field).other && seen.length <= 100 && (value === null || seen.includes(value)));
  const made = document.createElement(closed ? "select" : "input");
  if (closed) {
    const choices = field.kind === "bool" ? [true, false] : seen;
    if (field.nullable) made.append(new Option("(none)", "null"));
    made.append(...choices.map((choice) => new Option(String(choice), JSON.stringify(choice))));
    made.value = JSON.stringify(value);
  } else {
    made.value = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    made.placeholder = field.nullable ? "missing" : "";
    if (numeric(field)) made.inputMode = "decimal";
  }
  made.name = field.name;
  made.dataset.closed = closed ? "yes" : "";
  return made;
}

function read(field, made) {
  const text = made.value;
  if (made.dataset.closed) return JSON.parse(text);
  if (text.trim() === "" && (field.nullable || field.kind !== "string")) return null;
  if (numeric(field) && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  if (field.kind === "tensor" || field.kind === "list") { try { return JSON.parse(text); } catch { return text; } }
  return text;
}

/** Puts a control for each field into the box, filled from the row. */
export function fill(box, fields, row) {
  box.replaceChildren(...fields.map((field) => {
    const label = document.createElement("label");
    label.append(field.name, control(field, row[field.name] ?? null));
    return label;
  }));
}

/** The row that the box's controls hold. */
export function rowOf(box, fields) {
  const controls = box.querySelectorAll("input, select");
  return Object.fromEntries(fields.map((field, place) => [field.name, read(field, controls[place])]));
}

/** Shows a prediction in the table, and the table. */
export function tell(table, prediction) {
  table.tBodies[0].replaceChildren(...Object.entries(prediction).map(([name, value]) => {
    const line = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.scope = "row"; head.textContent = name; cell.textContent = value === null ? "missing" : typeof value === "object" ? JSON.stringify(value) : String(value);
    line.append(head, cell);
    return line;
  }));
  table.hidden = false;
  table.scrollIntoView({ block: "nearest" });
}
