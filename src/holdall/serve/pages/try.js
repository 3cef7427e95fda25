// Everything shown comes from the server as JSON and is put into the page as text, never as markup.
import { fill, rowOf, tell } from "./fields.js";

const at = (id) => document.getElementById(id);
let model = null, models = [], example = 0;

function headers(more) {
  const token = at("token").value.trim();
  return token ? { ...more, Authorization: "Bearer " + token } : more;
}

async function get(path) {
  const response = await fetch(path, { headers: headers({}) });
  if (response.status === 401) { at("ask").hidden = false; say("A token is needed to go on.", false); throw new Error("token"); }
  return response.json();
}

function say(text, bad) { at("message").textContent = text; at("message").className = bad ? "bad" : "dim"; at("message").hidden = !text; }

async function start() {
  models = (await get("/models")).models;
  at("ask").hidden = at("token").value === "";
  at("models").replaceChildren(...models.map((m) => new Option(m.id + " · " + m.version, m.id)));
  at("choose").hidden = models.length < 2;
  await open(models[0].id);
}

async function open(id) {
  model = await get("/models/" + encodeURIComponent(id));
  example = 0;
  document.title = at("title").textContent = model.model + " " + model.version;
  at("facts").textContent = model.task + " · " + model.reference + " · " + model.digest.slice(0, 19);
  say("Press Predict.", false);
  at("answer").hidden = true;
  draw();
}

function draw() {
  const row = model.example[example % model.example.length];
  at("next").hidden = model.example.length < 2;
  fill(at("fields"), model.schema.inputs, row);
  snippets();
}

function path() { return models.length === 1 ? "/predict" : "/models/" + model.id + "/predict"; }
// Always a list: it is read the same way whatever the columns are called.
function body() { return [rowOf(at("fields"), model.schema.inputs)]; }
function quoted(text) { return "'" + text.replaceAll("'", "'\\''") + "'"; }

function snippets() {
  const url = location.origin + path(), asked = !at("ask").hidden;
  at("curl").textContent = "curl " + url + " \\\n" + (asked ? '  -H "Authorization: Bearer $TOKEN" \\\n' : "") +
    "  -H 'Content-Type: application/json' \\\n  -d " + quoted(JSON.stringify(body()));
  at("python").textContent = "import json, os, urllib.request\n\nrows = json.loads(" + JSON.stringify(JSON.stringify(body())) + ")\n" +
    'headers = {"Content-Type": "application/json"}\n' + (asked ? 'headers["Authorization"] = "Bearer " + os.environ["TOKEN"]\n' : "") +
    "request = urllib.request.Request(" + JSON.stringify(url) + ", json.dumps(rows).encode(), headers)\n" +
    'print(json.load(urllib.request.urlopen(request))["predictions"])';
}

async function predict(event) {
  event.preventDefault();
  at("answer").hidden = true;
  const began = performance.now();
  let answer;
  try {
    const response = await fetch(path(), { method: "POST", headers: headers({ "Content-Type": "application/json" }), body: JSON.stringify(body()) });
    answer = await response.json();
  } catch { say("The server does not answer.", true); return; }
  if (answer.error) { say(answer.error.message + (answer.error.hint ? ". " + answer.error.hint : ""), true); return; }
  say(answer.model + " " + answer.version + " answered in " + Math.max(1, Math.round(performance.now() - began)) + " ms", false);
  tell(at("answer"), answer.predictions[0]);
}

const begin = () => start().catch((error) => { if (error.message !== "token") say("The server does not answer.", true); });
at("form").addEventListener("submit", predict);
at("fields").addEventListener("input", snippets);
at("next").addEventListener("click", () => { example += 1; draw(); });
at("models").addEventListener("change", () => open(at("models").value));
at("token").addEventListener("change", begin);
at("ask").addEventListener("submit", (event) => { event.preventDefault(); begin(); });
begin();
