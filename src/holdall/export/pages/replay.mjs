// The replay: rows are fetched piece by piece, scored by the exported module, and the answers sent back.
const CALLS = 10;
const ROUNDS = 5;
const MANY = 1000;

const at = (path) => new URL(path, import.meta.url);
// JSON has neither infinity nor whole numbers beyond 2^53; they travel as text.
const plain = (key, value) => (typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value)) ? String(value) : value);
const send = (path, value) => fetch(at(path), { method: "POST", body: JSON.stringify(value, plain) });
const numbers = (value) => (Array.isArray(value) ? value.map(numbers) : Number(value));

async function rows(model, piece) {
  const given = await (await fetch(at(`rows/${piece}`))).json();
  if (given === null) return null;
  const kinds = new Map(model.inputs.map((field) => [field.name, field.carrier]));
  for (const [row, name, text] of given.exact) given.rows[row][name] = kinds.get(name) === "int" ? BigInt(text) : numbers(text);
  return given.rows;
}

async function replay() {
  const began = performance.now();
  const { load } = await import(at("../model.mjs"));
  const model = await load();
  const loaded = performance.now() - began;
  let first = null;
  for (let piece = 0; ; piece += 1) {
    const given = await rows(model, piece);
    if (given === null) break;
    first ??= given;
    await send(`answers/${piece}`, await model.predict(given));
  }
  const many = Array.from({ length: MANY }, (_, place) => first[place % first.length]);
  const one = await median(CALLS, () => model.predict([first[0]])), all = await median(1, () => model.predict(many));
  return { load_ms: loaded, row_ms: one, rows_per_second: (MANY / all) * 1000 };
}

/** The median milliseconds of a call, over rounds of so many: the clock is too coarse for a single short one. */
async function median(calls, call) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let number = 0; number < calls; number += 1) await call();
    rounds.push((performance.now() - start) / calls);
  }
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
}

const [, name, version] = /(Edg|Firefox|HeadlessChrome|Chrome)\/(\d+)/.exec(navigator.userAgent) ?? [null, navigator.userAgent, ""];
const browser = `${name} ${version}`.trim();
try {
  await send("end", { error: null, browser, latency: await replay() });
} catch (error) {
  await send("end", { error: error.message, browser, latency: {} });
}
