"use strict";
const at = (id) => document.getElementById(id);

function element(name, text) { const made = document.createElement(name); if (text !== undefined) made.textContent = text; return made; }

function table(schema) {
  const box = element("div"), made = element("table"), body = element("tbody");
  box.className = "scroll";
  for (const [name, field] of Object.entries(schema.properties)) {
    const line = element("tr"), type = [].concat(field.type).join(" or ");
    const kind = element("td", field.format ? type + ", " + field.format : type);
    kind.className = "kind";
    line.append(element("th", name), kind, element("td", field.description || ""));
    body.append(line);
  }
  made.append(body); box.append(made);
  return box;
}

function folded(title, text) {
  const made = element("details");
  made.append(element("summary", title), element("pre", text));
  return made;
}

function statuses(responses) {
  const box = element("div"), made = element("table"), body = element("tbody");
  box.className = "scroll";
  for (const [status, answer] of Object.entries(responses)) {
    const line = element("tr");
    line.append(element("th", status), element("td", answer.description));
    body.append(line);
  }
  made.append(body); box.append(made);
  return box;
}

async function draw() {
  const token = at("token").value.trim();
  const response = await fetch("/openapi.json", token ? { headers: { Authorization: "Bearer " + token } } : {});
  at("ask").hidden = response.status !== 401 && !token;
  if (!response.ok) return;
  const api = await response.json(), parts = [];
  const alone = "/predict" in api.paths;
  for (const [path, methods] of Object.entries(api.paths)) for (const [method, operation] of Object.entries(methods)) {
    parts.push(element("h2", method.toUpperCase() + " " + path));
    if (alone && method === "post" && path !== "/predict") { parts.push(element("p", "The same as POST /predict.")); continue; }
    parts.push(element("p", operation.summary));
    const content = operation.requestBody?.content;
    if (content) parts.push(element("p", "Takes " + Object.keys(content).join(", ") + "."));
    if (content?.["application/json"]?.example) parts.push(folded("Example of a body", JSON.stringify(content["application/json"].example, null, 1)));
    if (method === "post") parts.push(statuses(operation.responses));
  }
  for (const [name, schema] of Object.entries(api.components.schemas)) if (name !== "Error") parts.push(element("h2", name), element("p", name.endsWith(".row") ? "A row of a request." : "A prediction of an answer."), table(schema));
  at("routes").replaceChildren(...parts);
}

at("token").addEventListener("change", draw);
at("ask").addEventListener("submit", (event) => { event.preventDefault(); draw(); });
draw();
