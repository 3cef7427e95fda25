// The page of an exported model: its form is made from the schema at once, while the model is still on its way.
import { fill, rowOf, tell } from "./fields.js";
import { description, load } from "./model.mjs";

const LONGEST = 200;
const model = load();
const examples = await (await fetch("examples.json")).json();
const at = (id) => document.getElementById(id);
let example = 0;

function say(text, bad) { at("message").textContent = text; at("message").className = bad ? "bad" : "dim"; }

function draw() {
  const values = examples[example % examples.length];
  fill(at("fields"), description.inputs, Object.fromEntries(description.inputs.map((field, place) => [field.name, values[place]])));
  at("next").hidden = examples.length < 2;
  snippet();
}

function snippet() {
  const lines = Object.entries(rowOf(at("fields"), description.inputs)).map(([name, value]) => `    ${JSON.stringify(name)}: ${cut(JSON.stringify(value))},\n`);
  at("program").textContent = 'import { load } from "./model.mjs";\n\nconst model = await load();\nconst rows = [\n  {\n' + lines.join("") + "  },\n];\nconsole.log(await model.predict(rows));";
}

// An image would fill the page with numbers.
const cut = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

async function prove() {
  const told = await (await fetch("export.json")).json(), { parity } = told;
  at("proof").textContent = parity === null
    ? "Not replayed in a browser before it was written."
    : `Replayed in ${told.browser} before it was written: ${parity.rows} rows, ${parity.label_flips} label flips, ${parity.max_abs_error ? `largest error ${parity.max_abs_error.toExponential(0)}` : "not a digit differs"}.`;
}

async function predict(event) {
  event.preventDefault();
  at("answer").hidden = true;
  try {
    const ready = await model, began = performance.now();
    const [prediction] = await ready.predict([rowOf(at("fields"), description.inputs)]);
    say(`Answered here, in ${Math.max(0.1, performance.now() - began).toFixed(1)} ms; nothing left this page`, false);
    tell(at("answer"), prediction);
  } catch (error) {
    say(error.message, true);
  }
}

document.title = at("title").textContent = `${description.name} ${description.version}`;
at("facts").textContent = `${description.task} · runs wholly in this browser · ${description.digest.slice(0, 19)}`;
draw();
at("form").addEventListener("submit", predict);
at("fields").addEventListener("input", snippet);
at("next").addEventListener("click", () => { example += 1; draw(); });
prove().catch(() => {});
// The first call is slower than all that follow, while the browser still compiles.
const warmed = model.then((ready) => ready.predict([rowOf(at("fields"), description.inputs)]).catch(() => {}));
warmed.then(() => { if (at("answer").hidden && at("message").className !== "bad") say("Press Predict.", false); }, (error) => say(`The model cannot be loaded: ${error.message}`, true));
