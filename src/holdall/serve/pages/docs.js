"use strict";
const at = (id) => document.getElementById(id);

function element(name, text) { const made = document.createElement(name); if (text !== undefined) made.textContent = text; return made; }

function table(schema) {
  const box = element("div"), made = element("table"), body = element("tbody");
  box.className = "scroll";
  for (const [name, field] of Object.entries(schema.properties)) {
    const line = element("tr"), type = [].concat(field.type).join(" or ");
    line.append(element("th", name), element("td", field.format ? type + ", " + field.format : type), element("td", field.description || ""));
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
  for (const [path, methods] of Object.entries(api.paths)) for (const [method, operation] of Object.entries(methods)) {
    parts.push(element("h2", method.toUpperCase() + " " + path), element("p", operation.summary));
    const content = operation.requestBody?.content?.["application/json"];
    if (content?.example) parts.push(element("pre", JSON.stringify(content.example, null, 1)));
    const answers = element("p", Object.entries(operation.responses).map(([status, answer]) => status + ": " + answer.description).join(" · "));
    answers.className = "facts"; parts.push(answers);
  }
  for (const [name, schema] of Object.entries(api.components.schemas)) if (name !== "Error") parts.push(element("h2", name), table(schema));
  at("routes").replaceChildren(...parts);
}

at("token").addEventListener("change", draw);
draw();
