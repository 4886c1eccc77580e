// Draws the recording of a run: lanes, bars, arrows. Keys and buttons move the view; what is chosen is told in words.
"use strict";

{
  const SVG = "http://www.w3.org/2000/svg";
  const GUTTER = 104, AXIS = 26, LANE = 40, ROW = 13, PAD = 6;
  // Messages to those right below the server need some way to be seen on.
  const FLIGHT = 16;
  // Messages that begin within so many pixels are drawn as one.
  const MERGE = 3;
  const SHORTEST = 2_000;
  // With more than so many things in sight, arrows step back.
  const DENSE = 400;

  const data = JSON.parse(document.getElementById("recording").textContent);
  const root = document.getElementById("timeline");
  const stage = root.querySelector(".stage");
  const details = root.querySelector(".details");
  const range = root.querySelector(".range");
  const svg = make("svg", { tabindex: 0, role: "application", "aria-label": "Timeline of the run" });
  stage.append(svg);
  for (const element of root.querySelectorAll("[hidden]")) element.hidden = false;

  const end = Math.max(data.end, 1);
  const failing = data.operations[data.failing];
  const lanes = data.lanes.map((lane) => ({ ...lane, rows: rowsOf(lane) }));
  const laneOf = new Map(lanes.map((lane) => [lane.name, lane]));
  let top = AXIS;
  for (const lane of lanes) {
    lane.top = top;
    lane.height = Math.max(LANE, lane.rows.length * ROW + 2 * PAD) + (lane.kind === "server" ? FLIGHT : 0);
    lane.middle = top + lane.height / 2;
    top += lane.height;
  }
  const height = top + 4;
  const server = laneOf.get("server");

  let view = { from: 0, to: end };
  let items = [];
  let chosen;

  // In the lanes of locks and of the server everybody has a row.
  function rowsOf(lane) {
    const of = lane.kind === "server" ? data.waits : lane.kind === "lock" ? data.claims.filter((one) => one.lock === lane.name) : [];
    return [...new Set(of.map((one) => one.who))].sort();
  }

  function make(name, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  const seconds = (time) => `${(time / 1e6).toFixed(3)} s`;
  const width = () => Math.max(stage.clientWidth, 320);
  const x = (time) => GUTTER + ((time - view.from) / (view.to - view.from)) * (width() - GUTTER);
  const until = (one) => one.until ?? end;
  const isSeen = (since, till) => till >= view.from && since <= view.to;
  const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

  // What can be chosen: where it stands, what it is called, what is told about it, and how it is drawn.
  function item(kind, lane, since, till, name, facts, draw, classes = "") {
    return { kind, lane, since, till, name, facts, draw, classes, key: `${kind} ${since} ${name}` };
  }

  function bar(since, till, y, h, className) {
    const left = Math.max(x(since), GUTTER - 2);
    const right = Math.min(x(till), width() + 2);
    return make("rect", { x: left, y, width: Math.max(right - left, 2), height: h, rx: 2, ...(className && { class: className }) });
  }

  function label(text, since, till, y) {
    const left = Math.max(x(since), GUTTER) + 4;
    const room = Math.min(x(till), width()) - left;
    return room > text.length * 6.5 ? [make("text", { x: left, y }, text)] : [];
  }

  function faultItem(one) {
    const lane = laneOf.get(one.who);
    if (!lane) return [];
    const facts = { Who: one.who, What: one.what, Begins: seconds(one.since), Ends: one.heals ? seconds(one.until) : "never" };
    return [item("fault", lane, one.since, one.until, `fault: ${one.who}: ${one.what}`, facts, () => [
      bar(one.since, one.until, lane.top + 2, lane.height - 4),
      ...label(one.what, one.since, one.until, lane.top + 14),
    ])];
  }

  const WRONG = { "never-ended": "it never ended", late: "it took too long", failed: "it failed" };

  function operationItem(one) {
    const lane = laneOf.get(one.who);
    if (!lane) return [];
    const classes = `${one.fault ? "wrong" : ""} ${one === failing ? "failing" : ""}`;
    const wrong = one.fault ? `, ${WRONG[one.fault]}` : "";
    const facts = {
      Who: one.who, What: one.what, Begins: seconds(one.since),
      Ends: one.until === null ? "never" : seconds(one.until), Took: seconds(until(one) - one.since),
      ...(one.fault && { Wrong: WRONG[one.fault] }),
    };
    return [item("operation", lane, one.since, until(one), `${one.who}: ${one.what}${wrong}`, facts, () => [
      bar(one.since, until(one), lane.middle - 7, 14),
      ...label(one.what, one.since, until(one), lane.top + 10),
    ], classes)];
  }

  const rowTop = (lane, who) => lane.top + PAD + lane.rows.indexOf(who) * ROW;

  function waitItem(one) {
    const facts = {
      "Send to": one.who, "No room since": seconds(one.since),
      Until: one.until === null ? "the end" : seconds(one.until), Waited: seconds(until(one) - one.since),
    };
    return [item("wait", server, one.since, until(one), `the server's send to ${one.who} finds no room`, facts, () => [
      bar(one.since, until(one), rowTop(server, one.who), ROW - 3),
      ...label(`send to ${one.who}`, one.since, until(one), rowTop(server, one.who) + ROW - 4),
    ])];
  }

  function claimItem(one) {
    const lane = laneOf.get(one.lock);
    const had = one.granted ?? until(one);
    const facts = {
      Lock: one.lock, How: one.how, Who: one.who, Asked: seconds(one.since),
      Granted: one.granted === null ? "never" : `${seconds(one.granted)}, after ${seconds(one.granted - one.since)}`,
      Released: one.until === null ? "never" : seconds(one.until),
      ...(one.granted !== null && { Held: seconds(until(one) - one.granted) }),
    };
    const y = rowTop(lane, one.who);
    return [item("claim", lane, one.since, until(one), `${one.lock} (${one.how}) for ${one.who}`, facts, () => [
      ...(had > one.since ? [bar(one.since, had, y, ROW - 3, "queued")] : []),
      ...(one.granted === null ? [] : [bar(one.granted, until(one), y, ROW - 3, "held")]),
      ...label(`${one.who} (${one.how})`, one.since, until(one), y + ROW - 4),
    ])];
  }

  function markItem(one) {
    const lane = laneOf.get(one.who);
    const facts = { Who: one.who, What: one.what, At: seconds(one.at) };
    return [item("mark", lane, one.at, one.at, `${one.who}: ${one.what}`, facts, () => [
      make("circle", { cx: x(one.at), cy: lane.top + lane.height - 8, r: 3.5 }),
    ])];
  }

  function messageItem(group) {
    const [one] = group;
    const lane = laneOf.get(one.who);
    const isLost = one.until === null;
    const [from, to] = one.to_server ? [one.who, "server"] : ["server", one.who];
    const bytes = group.reduce((sum, next) => sum + next.length, 0);
    const messages = group.flatMap((next) => next.messages);
    const facts = {
      Way: `${from} → ${to}`, Connection: one.connection, Sent: seconds(one.since),
      Read: isLost ? "never" : `${seconds(one.until)}, after ${seconds(one.until - one.since)}`,
      Bytes: bytes.toLocaleString("en"),
      ...(group.length > 1 && { Together: `${group.length} that stand close; the first is told, zoom in for the others` }),
      Messages: messages.length > 0 ? messages.slice(0, 12) : ["part of one"],
      ...(one.bytes && { "First bytes": hexdump(one.bytes) }),
    };
    const name = `${from} to ${to}: ${messages[0] ?? count(bytes, "byte")}`;
    const draw = () => {
      const [start, stop] = one.to_server ? [lane, server] : [server, lane];
      const down = stop.top > start.top;
      const border = (which, below) => {
        if (which !== server) return which.middle + (below ? 9 : -9);
        return below ? which.top + PAD + which.rows.length * ROW : which.top + PAD / 2;
      };
      const x1 = x(one.since), y1 = border(start, down), y2 = border(stop, !down);
      const x2 = isLost ? x1 + 8 : x(one.until);
      const y = isLost ? y1 + (y2 - y1) * 0.5 : y2;
      const line = { x1, y1, x2, y2: y };
      return [make("line", { ...line, class: "reach" }), make("line", line), isLost ? cross(x2, y) : arrow(x1, y1, x2, y)];
    };
    return item("message", lane, one.since, one.until ?? one.since, name, facts, draw, isLost ? "lost" : "");
  }

  function arrow(x1, y1, x2, y2) {
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    return make("path", { d: "M0 0L-7 -3L-7 3Z", transform: `translate(${x2} ${y2}) rotate(${angle})` });
  }

  const cross = (cx, cy) => make("path", { d: "M-4 -4L4 4M-4 4L4 -4", transform: `translate(${cx} ${cy})` });

  function hexdump(hex) {
    const rows = hex.match(/.{1,32}/g) ?? [];
    return rows.map((row, index) => `${(index * 16).toString(16).padStart(4, "0")}  ${row.match(/../g).join(" ")}`).join("\n");
  }

  function messageItems() {
    const groups = new Map();
    for (const one of data.transfers) {
      if (!laneOf.has(one.who) || !isSeen(one.since, one.until ?? one.since)) continue;
      const column = Math.round(x(one.since) / MERGE);
      const key = `${one.who} ${one.to_server} ${one.until === null} ${column}`;
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    return [...groups.values()].map(messageItem);
  }

  function visibleItems() {
    const seen = (ones) => ones.filter((one) => isSeen(one.since ?? one.at, one.at ?? until(one)));
    return [
      ...seen(data.faults).flatMap(faultItem), ...messageItems(), ...seen(data.claims).flatMap(claimItem),
      ...seen(data.waits).flatMap(waitItem), ...seen(data.operations).flatMap(operationItem), ...seen(data.marks).flatMap(markItem),
    ];
  }

  function draw() {
    svg.setAttribute("viewBox", `0 0 ${width()} ${height}`);
    svg.setAttribute("height", height);
    items = visibleItems();
    const hatch = make("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      make("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6 }));
    const drawn = items.map((one, index) => {
      one.element = make("g", { id: `item-${index}`, class: `item ${one.kind} ${one.classes}`, role: "img", "aria-label": one.name },
        make("title", {}, `${one.name}, ${seconds(one.since)}`), ...one.draw());
      one.element.addEventListener("click", () => choose(one));
      return one.element;
    });
    svg.classList.toggle("dense", items.length > DENSE);
    svg.replaceChildren(make("defs", {}, hatch), ...grid(), ...drawn, ...names());
    range.textContent = `${seconds(view.from)} to ${seconds(view.to)}`;
    const again = chosen && items.find((one) => one.key === chosen.key);
    if (again) show(again);
  }

  function grid() {
    const span = view.to - view.from;
    const steps = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7];
    const step = steps.find((one) => span / one <= 10) ?? 2e7;
    const lines = [];
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      lines.push(make("line", { class: "grid", x1: x(at), x2: x(at), y1: AXIS, y2: height }), make("text", { x: x(at) + 3, y: 16 }, `${+(at / 1e6).toFixed(3)} s`));
    }
    const borders = lanes.map((lane) => make("line", { class: "lane", x1: 0, x2: width(), y1: lane.top, y2: lane.top }));
    const bands = lanes.filter((lane) => lane.kind === "server" || lane.kind === "lock")
      .map((lane) => make("rect", { class: "lane-ground", x: 0, width: width(), y: lane.top, height: lane.height }));
    return [...bands, ...lines, ...borders];
  }

  // Drawn last: what runs under the names is hidden by them.
  function names() {
    const ground = make("rect", { class: "gutter", x: 0, y: 0, width: GUTTER, height });
    const texts = lanes.map((lane) => {
      const words = lane.kind === "lock" ? `lock: ${lane.name}` : lane.name;
      return make("g", { class: "lane-name", "data-lane": lane.name }, make("text", { class: "name", x: 10, y: lane.middle + 4 }, words));
    });
    return [ground, ...texts];
  }

  function show(one) {
    for (const old of svg.querySelectorAll(".chosen")) old.classList.remove("chosen");
    one.element.classList.add("chosen");
    svg.setAttribute("aria-activedescendant", one.element.id);
    chosen = one;
  }

  function choose(one) {
    show(one);
    const title = Object.assign(document.createElement("h3"), { textContent: one.name });
    const list = document.createElement("dl");
    for (const [name, value] of Object.entries(one.facts)) {
      const fact = document.createElement("dd");
      fact.append(told(value));
      list.append(Object.assign(document.createElement("dt"), { textContent: name }), fact);
    }
    details.replaceChildren(title, list);
  }

  function told(value) {
    if (Array.isArray(value)) {
      const list = document.createElement("ul");
      for (const text of value) {
        const line = document.createElement("li");
        line.append(Object.assign(document.createElement("code"), { textContent: text }));
        list.append(line);
      }
      return list;
    }
    const text = String(value);
    return text.includes("  ") ? Object.assign(document.createElement("pre"), { textContent: text }) : text;
  }

  // Along a lane in time, or to what is nearest in time in the next lane that has anything.
  function walk(alongBy, acrossBy) {
    const current = chosen && items.find((one) => one.key === chosen.key);
    if (!current) {
      const first = items.find((one) => one.classes.includes("failing")) ?? items[0];
      if (first) choose(first);
      return;
    }
    if (alongBy !== 0) {
      const lane = items.filter((one) => one.lane === current.lane).sort((a, b) => a.since - b.since);
      const next = lane[lane.indexOf(current) + alongBy];
      if (next) choose(next);
      return;
    }
    for (let index = lanes.indexOf(current.lane) + acrossBy; lanes[index]; index += acrossBy) {
      const there = items.filter((one) => one.lane === lanes[index]);
      if (there.length === 0) continue;
      const distance = (one) => Math.abs(one.since - current.since);
      choose(there.reduce((best, one) => (distance(one) < distance(best) ? one : best)));
      return;
    }
  }

  function look(from, to) {
    const span = Math.min(Math.max(to - from, SHORTEST), end);
    const start = Math.min(Math.max(from, 0), end - span);
    view = { from: start, to: start + span };
    draw();
  }

  function zoom(factor, around) {
    const isChosenSeen = chosen && isSeen(chosen.since, chosen.till);
    const at = around ?? (isChosenSeen ? Math.min(Math.max(chosen.since, view.from), view.to) : (view.from + view.to) / 2);
    look(at - (at - view.from) * factor, at + (view.to - at) * factor);
  }

  const move = (part) => look(view.from + part * (view.to - view.from), view.to + part * (view.to - view.from));

  // The failing operation, with what began shortly before it.
  function lookAtFailure() {
    if (!failing) return look(0, end);
    const before = data.faults.filter((one) => one.since <= failing.since + 2e5 && one.since > failing.since - 2e6).map((one) => one.since);
    const from = Math.min(failing.since, ...before) - 2e5;
    look(from, Math.max(Math.min(until(failing), failing.since + 6e5) + 2e5, from + 6e5));
  }

  const actions = {
    in: () => zoom(0.5), out: () => zoom(2), back: () => move(-0.5), on: () => move(0.5),
    all: () => look(0, end), failure: lookAtFailure,
  };
  const keys = {
    "+": actions.in, "=": actions.in, "-": actions.out, ",": actions.back, ".": actions.on, 0: actions.all, f: actions.failure,
    ArrowLeft: () => walk(-1, 0), ArrowRight: () => walk(1, 0), ArrowUp: () => walk(0, -1), ArrowDown: () => walk(0, 1),
    Enter: () => walk(1, 0), Home: actions.all,
  };

  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const button of root.querySelectorAll("[data-do]")) {
    button.hidden = button.dataset.do === "failure" && !failing;
    button.addEventListener("click", actions[button.dataset.do]);
  }

  const timeAt = (event) => {
    const box = svg.getBoundingClientRect();
    return view.from + ((event.clientX - box.left - GUTTER) / (width() - GUTTER)) * (view.to - view.from);
  };
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && Math.abs(event.deltaY) > Math.abs(event.deltaX) && !event.shiftKey) return;
    event.preventDefault();
    if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event));
    else move((event.deltaX || event.deltaY) / width());
  }, { passive: false });

  // Dragging begins with the first pixels, so that a click stays a click.
  let held;
  svg.addEventListener("pointerdown", (event) => (held = { x: event.clientX, view }));
  addEventListener("pointermove", (event) => {
    if (!held || Math.abs(event.clientX - held.x) < 4) return;
    svg.classList.add("dragged");
    const by = ((held.x - event.clientX) / (width() - GUTTER)) * (held.view.to - held.view.from);
    look(held.view.from + by, held.view.to + by);
  });
  addEventListener("pointerup", () => {
    held = undefined;
    svg.classList.remove("dragged");
  });

  new ResizeObserver(draw).observe(stage);
  lookAtFailure();
}
