// A filter over trials, read by hand and never evaluated: the language of orchestrator/service/trials/grammar.py and
// trial_filter.py. One table of cases, tests/unit/service/trial_filter_cases.json, holds both to it.

const MAX_LENGTH = 1000, MAX_DEPTH = 20;
const ORDERS = ["<", "<=", ">", ">="];
const OPERATORS = ["=", "==", "!=", "~", "!~", ...ORDERS];
const FLIPPED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!=" };
const WORDS = { true: true, false: false, null: null };
const ALIASES = { id: "trial", status: "state", worker: "node" };
const TOKEN = /\s*(?:([+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?%?(?![A-Za-z0-9_]))|([A-Za-z0-9_](?:[A-Za-z0-9_/:-]|\.(?!\.))*)|("[^"]*"|'[^']*')|(==|!=|<=|>=|!~|\.\.|[=<>~()[\],]))/y;
const KINDS = ["number", "word", "quoted", "sign"];

/** A fault in a filter; `column` counts characters from 1. */
export class FilterFault extends Error {
  constructor(message, column) {
    super(message);
    this.column = column;
  }
}

function tokensOf(text) {
  const found = [];
  let at = 0;
  while (text.slice(at).trim()) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) {
      const start = at + text.slice(at).length - text.slice(at).trimStart().length;
      throw new FilterFault(`"'`.includes(text[start]) ? "the quote is not closed" : `'${text[start]}' has no place here`, start + 1);
    }
    const which = match.slice(1).findIndex((part) => part !== undefined);
    found.push({ kind: KINDS[which], text: match[which + 1], column: match.index + match[0].length - match[which + 1].length + 1 });
    at = TOKEN.lastIndex;
  }
  return found;
}

class Reader {
  constructor(text) {
    this.tokens = tokensOf(text);
    this.end = text.trimEnd().length + 1;
    this.at = 0;
  }
  get ended() {
    return this.at >= this.tokens.length;
  }
  get column() {
    return this.ended ? this.end : this.tokens[this.at].column;
  }
  get shown() {
    return this.ended ? "the end" : `\`${this.tokens[this.at].text}\``;
  }
  is(texts, ahead = 0) {
    const token = this.tokens[this.at + ahead];
    return token !== undefined && (token.kind === "sign" || token.kind === "word") && texts.includes(token.text.toLowerCase());
  }
  take(...texts) {
    return this.is(texts) ? this.tokens[this.at++].text.toLowerCase() : "";
  }
  expect(text, why) {
    if (!this.take(text)) throw new FilterFault(`${why}, not ${this.shown}`, this.column);
  }
  either(depth) {
    if (depth === 0) throw new FilterFault("nested too deeply", this.column);
    const parts = [this.both(depth)];
    while (this.take("or")) parts.push(this.both(depth));
    return parts.length === 1 ? parts[0] : { kind: "or", parts };
  }
  both(depth) {
    const parts = [this.negated(depth)];
    while (!this.ended && !this.is(["or", ")"])) {
      this.take("and");
      parts.push(this.negated(depth));
    }
    return parts.length === 1 ? parts[0] : { kind: "all", parts };
  }
  negated(depth) {
    if (this.take("not")) {
      if (depth === 0) throw new FilterFault("nested too deeply", this.column);
      return { kind: "not", part: this.negated(depth - 1) };
    }
    if (this.take("(")) {
      const inside = this.either(depth - 1);
      this.expect(")", "`)` closes the bracket");
      return inside;
    }
    return this.comparison();
  }
  comparison() {
    const first = this.value("a name or a word stands here");
    if (this.is(["in"]) || (this.is(["not"]) && this.is(["in"], 1))) return this.membership(named(first));
    const operator = this.operator();
    if (!operator) return { kind: "search", wanted: first };
    if (typeof first.value === "string" && first.text === first.value) {
      return { kind: "compare", left: named(first), operator, right: this.right(operator) };
    }
    return this.chain(first, operator);
  }
  chain(first, operator) {
    if (!(operator in FLIPPED)) throw new FilterFault(`a name stands before \`${operator}\``, first.column);
    const middle = named(this.value("a name stands here"));
    const low = { kind: "compare", left: middle, operator: FLIPPED[operator], right: first };
    const second = this.operator();
    return second ? { kind: "all", parts: [low, { kind: "compare", left: middle, operator: second, right: this.right(second) }] } : low;
  }
  operator() {
    const found = this.take(...OPERATORS);
    return found === "==" ? "=" : found;
  }
  right(operator) {
    const value = this.value("a value stands here");
    return ORDERS.includes(operator) && typeof value.value === "string" && value.text === value.value ? named(value) : value;
  }
  membership(left) {
    const negated = Boolean(this.take("not"));
    this.expect("in", "`in` stands here");
    const close = { "[": "]", "(": ")" }[this.take("[", "(")];
    let found;
    if (close === undefined) {
      const low = this.value("a list such as [a, b] or a range such as 0.1..0.5 stands here");
      this.expect("..", "a range such as 0.1..0.5 stands here");
      const high = this.value("the end of the range stands here");
      for (const end of [low, high]) if (typeof end.value !== "number") throw new FilterFault("a range is between two numbers", end.column);
      found = { kind: "range", left, low, high };
    } else {
      const among = [this.value("a value stands here")];
      while (this.take(",")) among.push(this.value("a value stands here"));
      this.expect(close, `\`${close}\` closes the list`);
      found = { kind: "each", left, among };
    }
    return negated ? { kind: "not", part: found } : found;
  }
  value(why) {
    if (this.ended || this.tokens[this.at].kind === "sign" || this.is(["and", "or", "not", "in"])) {
      throw new FilterFault(`${why}, not ${this.shown}`, this.column);
    }
    const { kind, text, column } = this.tokens[this.at++];
    if (kind === "number") return { value: text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text), text, column };
    if (kind === "quoted") return { value: text.slice(1, -1), text, column };
    const lowered = text.toLowerCase();
    return { value: Object.hasOwn(WORDS, lowered) ? WORDS[lowered] : text, text, column };
  }
}

function named(value) {
  if (typeof value.value !== "string") throw new FilterFault(`\`${value.text}\` is no name`, value.column);
  return { name: value.value, column: value.column };
}

const isNumber = (cell) => typeof cell === "number" && !Number.isNaN(cell);

function holds(operator, one, other) {
  if (!isNumber(one) || !isNumber(other)) return false;
  return operator === "<" ? one < other : operator === "<=" ? one <= other : operator === ">" ? one > other : one >= other;
}

function equals(cell, wanted) {
  if (Array.isArray(cell)) return cell.some((item) => equals(item, wanted));
  if (typeof cell === "string") {
    if (wanted.value === null) return cell === "";
    return cell.toLowerCase() === (typeof wanted.value === "string" ? wanted.value : wanted.text).toLowerCase();
  }
  if (isNumber(cell)) return cell === wanted.value;
  return typeof cell === "boolean" ? cell === wanted.value : wanted.value === null;
}

function contains(cell, sought) {
  if (Array.isArray(cell)) return cell.some((item) => contains(item, sought));
  return typeof cell === "string" && cell.toLowerCase().includes(sought);
}

const plain = (literal) => (typeof literal.value === "string" ? literal.value : literal.text).toLowerCase();

class Compiler {
  constructor(fields) {
    this.fields = fields;
    this.names = Object.keys(fields);
    this.texts = this.names.filter((name) => fields[name] === "text" || fields[name] === "any");
  }
  test(node) {
    switch (node.kind) {
      case "all": {
        const tests = node.parts.map((part) => this.test(part));
        return (cell) => tests.every((test) => test(cell));
      }
      case "or": {
        const tests = node.parts.map((part) => this.test(part));
        return (cell) => tests.some((test) => test(cell));
      }
      case "not": {
        const test = this.test(node.part);
        return (cell) => !test(cell);
      }
      case "search":
        return this.search(node.wanted);
      case "each": {
        const name = this.name(node.left);
        for (const one of node.among) this.checkValue(name, one);
        return (cell) => node.among.some((one) => equals(cell(name), one));
      }
      case "range": {
        const name = this.name(node.left);
        return (cell) => holds(">=", cell(name), node.low.value) && holds("<=", cell(name), node.high.value);
      }
      default:
        return this.compare(node);
    }
  }
  search(wanted) {
    if (typeof wanted.value === "number") return (cell) => cell("trial") === wanted.value;
    const sought = plain(wanted);
    return (cell) => this.texts.some((name) => contains(cell(name), sought));
  }
  compare({ left, operator, right }) {
    const name = this.name(left);
    if (ORDERS.includes(operator)) return this.ordered(name, operator, right, left.column);
    if (operator === "~" || operator === "!~") {
      const sought = plain(right), wanted = operator === "~";
      return (cell) => contains(cell(name), sought) === wanted;
    }
    this.checkValue(name, right);
    return (cell) => equals(cell(name), right) === (operator === "=");
  }
  ordered(name, operator, right, column) {
    if (this.fields[name] === "text" || this.fields[name] === "prose") throw new FilterFault(`${name} has no order`, column);
    if (right.name !== undefined) {
      const other = this.name(right);
      return (cell) => holds(operator, cell(name), cell(other));
    }
    if (typeof right.value !== "number") throw new FilterFault("an order needs a number", right.column);
    return (cell) => holds(operator, cell(name), right.value);
  }
  checkValue(name, { value, column }) {
    if (this.fields[name] === "number" && (typeof value === "string" || typeof value === "boolean")) {
      throw new FilterFault(`${name} is a number`, column);
    }
  }
  /** The field that is meant: its name, an alias, or the end of one key alone; else the same in any case. */
  name(wanted) {
    const lowered = wanted.name.toLowerCase();
    const meant = Object.hasOwn(ALIASES, lowered) ? ALIASES[lowered] : wanted.name;
    for (const same of [(text) => text, (text) => text.toLowerCase()]) {
      const sought = same(meant);
      const whole = this.names.find((name) => same(name) === sought);
      if (whole !== undefined) return whole;
      const ends = this.names.filter((name) => same(name).endsWith(`.${sought}`));
      if (ends.length === 1) return ends[0];
      if (ends.length) throw new FilterFault(`${wanted.name} may be ${ends.join(" or ")}`, wanted.column);
    }
    throw new FilterFault(`there is no ${wanted.name}`, wanted.column);
  }
}

/**
 * A test of one trial: it takes a function from a field's name to its cell. `fields` maps names to number, text, prose or any.
 * Throws FilterFault for a text that is no filter.
 */
export function compileFilter(text, fields) {
  if (text.length > MAX_LENGTH) throw new FilterFault(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH + 1);
  const reader = new Reader(text);
  if (reader.ended) return () => true;
  const tree = reader.either(MAX_DEPTH);
  if (!reader.ended) throw new FilterFault(`${reader.shown} has no place here`, reader.column);
  return new Compiler(fields).test(tree);
}
