// Rows in, predictions out, in onnxruntime-web. Which value fits, and what becomes of it, is the same as at every other door
// of a package: see "What goes in and what comes out" in holdall's guide to the browser.
import * as ort from "./onnxruntime/ort.wasm.bundle.min.mjs";

// One thread: more would need the headers of cross-origin isolation, which most hosts of static files do not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("./onnxruntime/ort-wasm-simd-threaded.wasm", import.meta.url).href };
ort.env.logLevel = "error";

const LISTED = 20;
const LONGEST = 60;
const BLOCK = 4096;
const LARGEST = Number.MAX_VALUE;
const MICROSECONDS_A_DAY = 86_400_000_000n;
const EARLIEST = -62_135_596_800_000_000n;
const LATEST = 253_402_300_799_999_999n;

const TYPES = { float: "float64", int: "int64", timestamp: "int64", date: "int64", bool: "bool", string: "string", tensor: "float64" };
const EXPECTED = {
  bool: "true or false",
  int: "a whole number",
  float: "a number",
  string: "text",
  timestamp: "a time such as '2024-05-01T12:00:00Z'",
  date: "a date such as '2024-05-01'",
  tensor: "an array of numbers",
};

/** The rows do not fit the schema. `problems` are the first of them, {path, expected, got}; `total` is how many there are. */
export class SchemaMismatch extends Error {
  constructor(problems, total) {
    const [{ path, expected, got }] = problems;
    super(`${path}: expected ${expected}, got ${got}${more(total)}`);
    Object.assign(this, { name: "SchemaMismatch", code: "schema_mismatch", problems, total });
  }
}

/** The model itself refuses these rows, as the live one did. `problems` are {path, reason, step}. */
export class RowsRefused extends Error {
  constructor(problems, total) {
    super(`${problems[0].path}: ${problems[0].reason}${more(total)}`);
    Object.assign(this, { name: "RowsRefused", code: "rows_refused", problems, total });
  }
}

const more = (total) => (total > 1 ? ` (and ${total - 1} more)` : "");

/** Opens the graph. description: of the package, as model.mjs holds it; graph: its address; integrity: its digest. */
export async function open(description, graph, integrity) {
  const response = await fetch(graph, { integrity });
  if (!response.ok) throw new Error(`${graph} was answered with status ${response.status}`);
  const session = await ort.InferenceSession.create(new Uint8Array(await response.arrayBuffer()), { executionProviders: ["wasm"] });
  let turn = Promise.resolve();
  // A session answers one call at a time.
  const inTurn = (work) => {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    ...description,
    async predict(rows) {
      if (!Array.isArray(rows)) return (await this.predict([rows]))[0];
      const feeds = fit(description, rows);
      return inTurn(() => score(session, description, feeds, rows.length));
    },
    close: () => inTurn(() => session.release()),
  };
}

async function score(session, description, feeds, rows) {
  const block = description.rowWise ? BLOCK : Math.max(rows, 1);
  const predictions = [], refusals = { problems: [], total: 0 };
  for (let start = 0; start < rows; start += block) {
    const end = Math.min(rows, start + block);
    const given = {};
    for (const name of session.inputNames) {
      const { type, data, shape } = feeds[name];
      const width = shape.reduce((size, length) => size * length, 1);
      const part = data.slice(start * width, end * width);
      given[name] = new ort.Tensor(type, part, [end - start, ...shape]);
    }
    let results;
    try {
      results = await session.run(given);
    } catch (error) {
      // Graphs made elsewhere may stop at a row; the runtime does not say at which.
      throw new RowsRefused([{ path: "rows", reason: `the graph refuses it: ${error.message}`, step: "model" }], 1);
    }
    if (results.refused) note(description.graph.guards, results.refused.data, start, refusals);
    for (const prediction of read(description, results, end - start)) predictions.push(prediction);
  }
  if (refusals.total) throw new RowsRefused(refusals.problems, refusals.total);
  return predictions;
}

/** Adds the rows that the graph refuses: refused holds for each row whether each guard says no. */
function note(guards, refused, start, refusals) {
  refused.forEach((set, place) => {
    if (!set) return;
    refusals.total += 1;
    const row = start + Math.floor(place / guards.length), { column, reason, step } = guards[place % guards.length];
    if (refusals.problems.length < LISTED) refusals.problems.push({ path: `rows[${row}]${column === null ? "" : `.${column}`}`, reason, step });
  });
}

// --- rows in ---

/** What does not fit: whole columns first, then by row, and in the order of the schema. */
class Problems {
  #found = [];
  #total = 0;

  add(row, field, expected, got) {
    this.#total += 1;
    const order = [row, field?.place ?? 0], last = this.#found.at(-1)?.order;
    if (this.#found.length === LISTED && !before(order, last)) return;
    const place = row < 0 ? field.name : `rows[${row}]${field === null ? "" : `.${field.name}`}`;
    this.#found.push({ order, problem: { path: place, expected, got } });
    this.#found.sort((one, other) => (before(one.order, other.order) ? -1 : 1));
    this.#found.length = Math.min(this.#found.length, LISTED);
  }

  check() {
    if (this.#total) throw new SchemaMismatch(this.#found.map(({ problem }) => problem), this.#total);
  }
}

const before = ([row, place], [otherRow, otherPlace]) => row < otherRow || (row === otherRow && place < otherPlace);

/** What the graph is fed: input name → {type, data, shape of a row}. Throws SchemaMismatch. */
function fit(description, rows) {
  const problems = new Problems();
  rows.forEach((row, number) => {
    if (typeof row !== "object" || row === null || Array.isArray(row)) problems.add(number, null, "an object with a value for each column", show(row));
  });
  problems.check();
  const fields = new Map(description.inputs.map((field, place) => [field.name, { ...field, place }])), fed = new Set(), feeds = {};
  for (const input of description.graph.inputs) {
    const taken = input.columns.map((name) => fields.get(name));
    taken.forEach((field) => fed.add(field));
    const width = taken.length, shape = input.kind === "tensor" ? shapeOf(taken[0], rows) : [width];
    const size = shape.reduce((product, length) => product * length, rows.length);
    const data = allocate(input.kind, size), mask = input.mask ? new Uint8Array(rows.length * width) : null;
    taken.forEach((field, place) => {
      const put = input.kind === "tensor"
        ? (row, values) => { if (values !== null) data.set(values, row * (size / rows.length)); }
        : (row, value) => {
          if (value !== null) data[row * width + place] = value;
          else if (mask) mask[row * width + place] = 1;
        };
      readColumn(field, rows, shape, put, problems);
    });
    feeds[input.name] = { type: TYPES[input.kind], data, shape };
    if (mask) feeds[input.mask] = { type: "bool", data: mask, shape: [width] };
  }
  // Columns that the graph does not take are held to the schema all the same.
  for (const field of fields.values())
    if (!fed.has(field)) readColumn(field, rows, field.kind === "tensor" ? shapeOf(field, rows) : [], () => {}, problems);
  problems.check();
  return feeds;
}

function allocate(kind, size) {
  if (kind === "float") return new Float64Array(size).fill(NaN);
  if (kind === "tensor") return new Float64Array(size);
  if (kind === "bool") return new Uint8Array(size);
  if (kind === "string") return new Array(size).fill("");
  return new BigInt64Array(size);
}

function readColumn(field, rows, shape, put, problems) {
  const { name, carrier, nullable, limit } = field, has = Object.hasOwn;
  if (rows.length && !rows.some((row) => has(row, name) && row[name] !== undefined)) {
    problems.add(-1, field, "a column", "nothing");
    return;
  }
  const convert = carrier === "tensor" ? (value) => flat(value, shape) : CONVERT[carrier];
  const expected = carrier === "tensor" ? `an array of shape [${field.shape.join(", ")}]` : EXPECTED[carrier];
  const allowed = field.enforce ? observed(field) : null;
  for (let row = 0; row < rows.length; row += 1) {
    const value = has(rows[row], name) ? rows[row][name] : undefined;
    if (value === undefined) problems.add(row, field, nullable ? `${expected} or null` : expected, "nothing");
    else if (missing(value)) {
      if (nullable) put(row, null);
      else problems.add(row, field, "a value", "null");
    } else {
      const converted = convert(value);
      if (converted === undefined) problems.add(row, field, expected, show(value));
      else if (limit !== null && (carrier === "float" || carrier === "int") && Math.abs(Number(converted)) > limit)
        problems.add(row, field, limit >= LARGEST ? "a finite number" : `a number of magnitude at most ${limit}`, show(value));
      else if (allowed && !allowed.holds(converted)) problems.add(row, field, allowed.expected, show(value));
      else put(row, converted);
    }
  }
}

const missing = (value) => value === null || (typeof value === "number" && Number.isNaN(value)) || (value instanceof Date && Number.isNaN(value.getTime()));

/** With `enforce`, what was observed is the rule. A list of categories that left some out is none. */
function observed(field) {
  const { categories, other, minimum = null, maximum = null } = field.observed ?? {};
  const plain = (value) => (typeof value === "bigint" || field.carrier === "bool" ? Number(value) : value);
  if (categories && !other && ["string", "bool", "int", "float"].includes(field.carrier)) {
    const known = new Set(categories.map(plain));
    return { holds: (value) => known.has(plain(value)), expected: `one of ${categories.slice(0, 8).map(show).join(", ")}${categories.length > 8 ? ` and ${categories.length - 8} more` : ""}` };
  }
  if (!["int", "float", "timestamp", "date"].includes(field.carrier) || (minimum === null && maximum === null)) return null;
  const told = (bound) => (field.carrier === "timestamp" ? moment(BigInt(bound)) : field.carrier === "date" ? day(BigInt(bound)) : String(bound));
  const expected = maximum === null ? `at least ${told(minimum)}` : minimum === null ? `at most ${told(maximum)}` : `from ${told(minimum)} to ${told(maximum)}`;
  return { holds: (value) => !(minimum !== null && value < minimum) && !(maximum !== null && value > maximum), expected };
}

const CONVERT = {
  float(value) {
    if (typeof value === "number") return value;
    if (typeof value !== "bigint") return undefined;
    return Number.isFinite(Number(value)) ? Number(value) : undefined;
  },
  int(value) {
    if (typeof value === "number") return Number.isInteger(value) ? inside(BigInt(value)) : undefined;
    return typeof value === "bigint" ? inside(value) : undefined;
  },
  bool(value) {
    if (typeof value === "boolean") return Number(value);
    return (typeof value === "number" || typeof value === "bigint") && (value == 0 || value == 1) ? Number(value) : undefined;
  },
  string(value) {
    // The runtime takes text up to its first NUL, and has no form for half a character.
    return typeof value === "string" && !value.includes("\0") && !/\p{Surrogate}/u.test(value) ? value : undefined;
  },
  timestamp(value) {
    return value instanceof Date ? BigInt(value.getTime()) * 1000n : typeof value === "string" ? parse(value) : undefined;
  },
  date(value) {
    const microseconds = CONVERT.timestamp(value);
    return microseconds === undefined || microseconds % MICROSECONDS_A_DAY ? undefined : microseconds / MICROSECONDS_A_DAY;
  },
};

const inside = (value) => (value === BigInt.asIntN(64, value) ? value : undefined);

const DATE = "(\\d{4})(?:-(\\d\\d)-(\\d\\d)|(\\d\\d)(\\d\\d)|-W(\\d\\d)(?:-(\\d))?|W(\\d\\d)(\\d)?)";
const CLOCK = "(\\d\\d)(?::(\\d\\d)(?::(\\d\\d)(?:[.,](\\d+))?)?|(\\d\\d)(?:(\\d\\d)(?:[.,](\\d+))?)?)?";
const MOMENT = new RegExp(`^${DATE}(?:[^](?:${CLOCK})(?:(Z)|([+-])${CLOCK})?)?$`, "u");

/** ISO 8601 text as microseconds since 1970 UTC; without an offset it is UTC. undefined where it is none. */
function parse(text) {
  const found = MOMENT.exec(text.trim());
  if (found === null) return undefined;
  const [, year, m1, d1, m2, d2, w1, wd1, w2, wd2] = found;
  const week = w1 ?? w2, days = week === undefined ? calendar(+year, +(m1 ?? m2), +(d1 ?? d2)) : ofWeek(+year, +week, +(wd1 ?? wd2 ?? 1));
  const clock = time(found.slice(10, 17)), offset = found[18] === undefined ? 0n : time(found.slice(19, 26));
  if (days === undefined || clock === undefined || offset === undefined) return undefined;
  const result = BigInt(days) * MICROSECONDS_A_DAY + clock - (found[18] === "-" ? -offset : offset);
  return result < EARLIEST || result > LATEST ? undefined : result;
}

function calendar(year, month, date) {
  const made = new Date(0);
  made.setUTCFullYear(year, month - 1, date);
  const same = year > 0 && made.getUTCMonth() === month - 1 && made.getUTCDate() === date;
  return same ? made.getTime() / 86_400_000 : undefined;
}

function ofWeek(year, week, weekday) {
  const fourth = calendar(year, 1, 4);
  if (fourth === undefined || week < 1 || weekday < 1 || weekday > 7) return undefined;
  const monday = (days) => days - ((((days + 3) % 7) + 7) % 7);
  const first = monday(fourth), next = year < 9999 ? monday(calendar(year + 1, 1, 4)) : first + 52 * 7;
  return first + (week - 1) * 7 < next ? first + (week - 1) * 7 + weekday - 1 : undefined;
}

function time([hours = "0", m1, s1, f1, m2, s2, f2]) {
  const minutes = +(m1 ?? m2 ?? 0), seconds = +(s1 ?? s2 ?? 0), fraction = (f1 ?? f2 ?? "").slice(0, 6).padEnd(6, "0");
  if (+hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return BigInt(((+hours * 60 + minutes) * 60 + seconds) * 1_000_000 + +fraction);
}

/** The shape of a row of this field: where a length varies, that of the first row that has a value. */
function shapeOf(field, rows) {
  const first = rows.map((row) => row[field.name]).find((value) => value !== undefined && value !== null);
  let inner = first;
  return field.shape.map((length) => {
    const here = inner?.length;
    inner = inner?.[0];
    return typeof length === "number" ? length : here ?? 1;
  });
}

/** Nested arrays (or typed ones) of exactly this shape as one flat array of numbers; undefined where they are none. */
function flat(value, shape) {
  const out = new Float64Array(shape.reduce((product, length) => product * length, 1));
  let at = 0;
  const walk = (part, depth) => {
    if (depth === shape.length) {
      if (!["number", "bigint", "boolean"].includes(typeof part)) return false;
      out[at] = Number(part);
      at += 1;
      return true;
    }
    if (!(Array.isArray(part) || (ArrayBuffer.isView(part) && !(part instanceof DataView))) || part.length !== shape[depth]) return false;
    for (let place = 0; place < part.length; place += 1) if (!walk(part[place], depth + 1)) return false;
    return true;
  };
  return walk(value, 0) ? out : undefined;
}

function show(value) {
  if (value === undefined) return "nothing";
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `an array of ${value.length}`;
  const text = typeof value === "string" ? `'${value}'` : value instanceof Date ? value.toISOString() : typeof value === "object" && value !== null ? "an object" : String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

// --- predictions out ---

function read(description, results, rows) {
  const columns = new Map();
  for (const { name, columns: held, mask } of description.graph.outputs) {
    const { data, dims } = results[name], nulls = mask ? results[mask].data : null;
    held.forEach((column, place) => {
      const field = description.outputs.find((output) => output.name === column);
      if (field.kind === "tensor") {
        const size = rows ? data.length / rows : 0;
        columns.set(column, (row) => (nulls?.[row] ? null : nested(data.slice(row * size, (row + 1) * size), dims.slice(1))));
        return;
      }
      const width = dims.length > 1 ? dims[1] : 1, write = WRITE[field.kind];
      columns.set(column, (row) => (nulls?.[row * width + place] && field.kind !== "float" ? null : write(data[row * width + place])));
    });
  }
  const names = description.outputs.map((field) => field.name);
  return Array.from({ length: rows }, (_, row) => Object.fromEntries(names.map((name) => [name, columns.get(name)(row)])));
}

const WRITE = {
  float: (value) => (Number.isNaN(Number(value)) ? null : Number(value)),
  int: (value) => {
    const exact = typeof value === "bigint" ? value : BigInt(Math.trunc(value));
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  },
  bool: (value) => Boolean(value),
  string: (value) => value,
  timestamp: (value) => moment(BigInt(value)),
  date: (value) => day(BigInt(value)),
};

function nested(data, shape) {
  if (shape.length <= 1) return Array.from(data, (value) => (typeof value === "bigint" ? WRITE.int(value) : value));
  const size = data.length / shape[0];
  return Array.from({ length: shape[0] }, (_, place) => nested(data.slice(place * size, (place + 1) * size), shape.slice(1)));
}

function day(days) {
  const made = new Date(Number(days) * 86_400_000), year = made.getUTCFullYear();
  const pad = (number, length) => String(number).padStart(length, "0");
  return `${year < 0 ? "-" : ""}${pad(Math.abs(year), 4)}-${pad(made.getUTCMonth() + 1, 2)}-${pad(made.getUTCDate(), 2)}`;
}

function moment(microseconds) {
  const rest = ((microseconds % MICROSECONDS_A_DAY) + MICROSECONDS_A_DAY) % MICROSECONDS_A_DAY;
  const seconds = Number(rest / 1_000_000n), fraction = Number(rest % 1_000_000n), pad = (number, length) => String(number).padStart(length, "0");
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => pad(part, 2)).join(":");
  return `${day((microseconds - rest) / MICROSECONDS_A_DAY)}T${clock}${fraction ? `.${pad(fraction, 6)}` : ""}Z`;
}
