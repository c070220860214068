"use strict";
// The page's one state is: which pairs the filter leaves, which of them is shown, in which view, and which pixel is
// under the pointer. `draw*` functions make the page show it; nothing else is kept in the document.

const byId = (id) => document.getElementById(id);
const dataset = JSON.parse(byId("dataset").textContent);
const { width, height } = dataset;

const buttons = [...document.querySelectorAll("#views button")];
const pictures = [...document.querySelectorAll("#stage img")];
const views = buttons.map((button) => button.dataset.view);

const CAPTIONS = {
  frame1: () => "Frame 1: a click flips it. Values under the pointer lead to frame 2.",
  frame2: () => "Frame 2: a click flips it. Values under the pointer lead back to frame 1.",
  flow: () => `Flow from frame 1 to frame 2: hue is direction; ${pair.saturation} px has full saturation, more is darker.`,
  occlusion: () => "Frame 1: red is covered in frame 2, blue lies outside it.",
  boundaries: () => "Frame 1: orange is a motion boundary, where layers that move differently meet.",
  layers: () => "The front layer of every pixel of frame 1; grey is the photograph.",
};

let left = dataset.pairs; // by the filter
let place = 0;
let view = "frame1";
let peek = null; // a view shown for as long as the pointer is over its button
let pointer = null; // {x, y} in whole pixels
let pair = null; // what pair.js of the pair on show holds
let [blinking, addressing] = [0, 0]; // timers

// ---- Loading: a page opened from disk may not fetch, but may add scripts.

const cache = new Map();
const arrivals = new Map();
window.chairsgen = { pair: (data) => arrivals.get(data.name)(data) };

function load(name) {
  if (!cache.has(name)) {
    const script = document.createElement("script");
    const arrival = new Promise((resolve, reject) => {
      arrivals.set(name, resolve);
      script.onerror = () => reject(new Error(`pairs/${name}/pair.js is missing or damaged`));
    });
    script.src = `pairs/${name}/pair.js`;
    script.onload = () => script.remove();
    document.head.append(script);
    cache.set(name, arrival.then(unpack));
    if (cache.size > 24) cache.delete(cache.keys().next().value);
  }
  return cache.get(name);
}

async function unpack(data) {
  const packed = Uint8Array.from(atob(data.maps), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const map = (number) => bytes.subarray(number * width * height, (number + 1) * width * height);
  return {
    ...data,
    // Of frame 1, then of frame 2: the front layer, the mask (1: occluded, 2: out), the motions away from it.
    frames: [
      { layer: map(0), mask: map(1), motions: data.motions },
      { layer: map(2), mask: map(3), motions: data.inverse_motions },
    ],
  };
}

// ---- Values: the same numbers, to the last bit, as `sample.flow_fw` and `sample.flow_bw`.

function valueAt({ x, y }) {
  const frame = pair.frames[visible() === "frame2" ? 1 : 0];
  const layer = frame.layer[y * width + x];
  const [a, b, c, d, e, f] = frame.motions[layer];
  const u = Math.fround((a - 1) * x + b * y + c);
  const v = Math.fround(d * x + (e - 1) * y + f);
  return { u, v, layer, mask: frame.mask[y * width + x] };
}

/** The fewest digits that name this float32 and no other. */
function digits(value) {
  for (let count = 1; count < 9; count++) {
    const text = value.toPrecision(count);
    if (Math.fround(Number(text)) === value) return signed(String(Number(text)));
  }
  return signed(String(Number(value.toPrecision(9))));
}

const signed = (text) => text.replace("-", "\u2212"); // a minus as wide as a plus
const fixed = (value, places) => signed(value.toFixed(places).replace(/^-(0\.?0*)$/, "$1"));
const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

// ---- Building blocks

const maker = (namespace) => (tag, attributes, ...children) => {
  const node = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const element = maker("http://www.w3.org/1999/xhtml");
const shape = maker("http://www.w3.org/2000/svg");

// ---- Drawing

const visible = () => peek ?? view;

async function show(number) {
  place = Math.max(0, Math.min(number, left.length - 1));
  byId("main").classList.toggle("empty", !left.length);
  byId("none").hidden = left.length > 0;
  if (!left.length) return;
  const wanted = left[place];
  drawNavigation(wanted);
  try {
    const data = await load(wanted.name);
    if (wanted !== left[place]) return; // somebody leafed on meanwhile
    pair = data;
  } catch (error) {
    cache.delete(wanted.name);
    blink(false);
    pair = pointer = null;
    for (const node of [...pictures, byId("overlay")]) node.toggleAttribute("hidden", true);
    byId("caption").textContent = `This pair cannot be shown: ${error.message}.`;
    return;
  }
  for (const picture of pictures) picture.src = `pairs/${pair.name}/${picture.dataset.view}.png`;
  drawPair(wanted);
  drawView();
  for (const near of [left[place + 1], left[place - 1]].filter(Boolean)) {
    load(near.name).catch(() => {});
    new Image().src = `pairs/${near.name}/${view}.png`;
  }
}

function drawNavigation(wanted) {
  const slider = byId("slider");
  slider.max = left.length - 1;
  slider.value = place;
  slider.setAttribute("aria-valuetext", `pair ${wanted.index}, ${place + 1} of ${left.length}`);
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === left.length - 1;
}

function drawPair({ side, index }) {
  const { figures, mean } = pair;
  byId("title").textContent = `Pair ${index}`;
  byId("badge").textContent = side;
  byId("place").textContent = `${place + 1} of ${left.length}`;
  byId("figures").replaceChildren(
    ...[
      ["Mean |flow|", `${mean.toFixed(1)} px`],
      ["Chairs in sight", figures.visible],
      ["Median", `${figures.median.toFixed(1)} px`],
      ["They cover", percent(figures.coverage)],
      ["Longest", `${figures.longest.toFixed(1)} px`],
      ["Occluded", percent(figures.occluded)],
      ["Over 40 px", percent(figures.over)],
      ["Out of frame", percent(figures.out)],
    ].map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))),
  );
  byId("saturation").textContent = `${pair.saturation} px`;
  for (const picture of pictures) picture.alt = describe(picture.dataset.view, index);
  drawHistogram();
  drawLayers();
}

function describe(name, index) {
  const photo = pair.layers[0].asset;
  const chairs = pair.figures.visible === 1 ? "1 chair" : `${pair.figures.visible} chairs`;
  return {
    frame1: `Frame 1 of pair ${index}: ${chairs} over the photograph ${photo}.`,
    frame2: `Frame 2 of pair ${index}: the same scene, moved.`,
    flow: `Flow of pair ${index} in the Middlebury colours.`,
    occlusion: `Occlusion of pair ${index}: ${percent(pair.figures.occluded)} covered, ${percent(pair.figures.out)} out of frame.`,
    boundaries: `Motion boundaries of pair ${index} over frame 1.`,
    layers: `Layers of pair ${index}, each in a colour of its own.`,
  }[name];
}

const bins = (px) => Math.log2(Math.max(px, dataset.start) / dataset.start) * dataset.octave;

function drawHistogram() {
  const svg = byId("histogram");
  const [across, floor] = [svg.clientWidth || 336, 92];
  const step = across / pair.histogram.length;
  const top = Math.max(...pair.histogram, ...dataset.histogram);
  const y = (share) => floor - (share / top) * (floor - 4);
  const ticks = [0.1, 1, 10, 100].map((px) => [px, bins(px) * step]);
  const outline = dataset.histogram.map((share, bin) => `V${y(share).toFixed(1)}H${((bin + 1) * step).toFixed(1)}`);
  svg.setAttribute("viewBox", `0 0 ${across} 112`);
  svg.replaceChildren(
    ...pair.histogram.map((share, bin) =>
      shape("rect", { x: bin * step, width: Math.max(step - 1, 0.5), y: y(share), height: floor - y(share) }),
    ),
    shape("path", { d: `M0 ${floor}${outline.join("")}V${floor}` }),
    shape("line", { x1: 0, x2: across, y1: floor, y2: floor }),
    ...ticks.map(([px, x]) => shape("text", { x: Math.max(x, 8), y: floor + 15 }, px === 100 ? "100 px" : String(px))),
  );
  const [median, most] = [pair.figures.median.toFixed(1), pair.figures.longest.toFixed(1)];
  svg.setAttribute("aria-label", `|flow|: median ${median} px, mean ${pair.mean.toFixed(1)} px, longest ${most} px.`);
}

function drawLayers() {
  const own = byId("own").checked;
  const rows = pair.layers.map((layer, number) => {
    const motion = own && number ? layer.own : layer.motion;
    const swatch = element("span", { class: "swatch", style: `background: ${layer.colour}` });
    const stretch = motion.stretch > 1.0005 ? `, stretch ${motion.stretch.toFixed(3)}` : "";
    return element(
      "tr",
      { "data-layer": number },
      element("td", {}, swatch, String(number)),
      element("td", {}, layer.asset),
      element("td", { class: "wide" }, layer.seen),
      element("td", {}, `${fixed(motion.x, 1)}, ${fixed(motion.y, 1)}`),
      element("td", {}, `${fixed(motion.turn, 1)}°`),
      element("td", {}, `${motion.scale.toFixed(3)}${stretch}`),
      element("td", { class: "wide" }, percent(layer.share1)),
      element("td", { class: "wide" }, percent(layer.share2)),
    );
  });
  const isSeen = (_, number) => pair.layers[number].share1 + pair.layers[number].share2 > 0;
  const unseen = rows.filter((row, number) => !isSeen(row, number));
  byId("seen").replaceChildren(...rows.filter(isSeen));
  byId("unseen").hidden = !unseen.length;
  byId("unseen").querySelector("tbody").replaceChildren(...unseen);
  byId("unseen").querySelector("summary").textContent = `Hidden or outside both frames: ${unseen.length} more`;
}

function drawView() {
  for (const picture of pictures) picture.hidden = picture.dataset.view !== visible();
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.view === view);
  byId("caption").textContent = CAPTIONS[visible()]();
  byId("otherframe").textContent = visible() === "frame2" ? "In frame 1" : "In frame 2";
  drawPointer();
  const address = `#${pair.index}/${view}`; // changed late: browsers allow few changes a second
  clearTimeout(addressing);
  addressing = setTimeout(() => history.replaceState(null, "", address), 300);
}

function drawPointer() {
  const { u, v, layer, mask } = pointer ? valueAt(pointer) : {};
  const length = Math.hypot(u, v);
  const texts = pointer && {
    xy: `${pointer.x}, ${pointer.y}`,
    u: digits(u),
    v: digits(v),
    length: length.toFixed(3),
    layer: `${layer} · ${pair.layers[layer].asset}`,
    state: ["visible", "occluded", "out of frame"][mask],
  };
  for (const id of ["xy", "u", "v", "length", "layer", "state"]) byId(id).textContent = texts ? texts[id] : "–";
  byId("brief").textContent = texts
    ? `(${texts.xy}) moves by (${fixed(u, 2)}, ${fixed(v, 2)}) px. Layer ${texts.layer}: ${texts.state} in the other frame.`
    : "";
  for (const row of document.querySelectorAll("tr[data-layer]")) {
    row.classList.toggle("here", Number(row.dataset.layer) === layer);
  }
  const bin = Math.min(Math.floor(bins(length)), pair.histogram.length - 1);
  document.querySelectorAll("#histogram rect").forEach((bar, at) => bar.classList.toggle("here", at === bin));
  byId("overlay").toggleAttribute("hidden", !pointer);
  byId("dot").hidden = !pointer;
  drawLoupe();
  if (!pointer) return;
  const { x, y } = pointer;
  for (const group of byId("overlay").children) {
    const [line, end, pixel] = group.children;
    for (const [name, value] of Object.entries({ x1: x, y1: y, x2: x + u, y2: y + v })) line.setAttribute(name, value);
    end.setAttribute("cx", x + u);
    end.setAttribute("cy", y + v);
    pixel.setAttribute("x", x - 0.5);
    pixel.setAttribute("y", y - 0.5);
  }
  const scale = 50 / Math.max(pair.saturation, length);
  Object.assign(byId("dot").style, { left: `${50 + u * scale}%`, top: `${50 + v * scale}%` });
}

function drawLoupe() {
  const canvas = byId("loupe");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const picture = pictures.find((one) => !one.hidden);
  if (!pointer || !picture?.complete || !picture.naturalWidth) return;
  const [across, zoom] = [13, canvas.width / 13];
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, pointer.x - 6, pointer.y - 6, across, across, 0, 0, canvas.width, canvas.height);
  for (const [colour, grow] of [["#000", 1], ["#fff", 0]]) {
    context.strokeStyle = colour;
    context.strokeRect(6 * zoom - grow - 0.5, 6 * zoom - grow - 0.5, zoom + 2 * grow + 1, zoom + 2 * grow + 1);
  }
}

// ---- What people do

function setView(name) {
  [view, peek] = [name, null];
  drawView();
}

const otherFrame = () => (view === "frame1" ? "frame2" : "frame1");

function blink(on) {
  clearInterval(blinking);
  blinking = on ? setInterval(() => setView(otherFrame()), 500) : 0;
  byId("blink").setAttribute("aria-pressed", on);
}

function choose(name) {
  blink(false);
  if (pair) setView(name);
}

function movePointer(x, y) {
  pointer = { x: Math.max(0, Math.min(x, width - 1)), y: Math.max(0, Math.min(y, height - 1)) };
  drawPointer();
}

function dropPointer() {
  pointer = null;
  blink(false);
  drawPointer();
}

function applyFilter() {
  const number = (id, otherwise) => (byId(id).value === "" ? otherwise : Number(byId(id).value));
  const [side, least, most] = [byId("side").value, number("least", 0), number("most", Infinity)];
  const before = left[place];
  left = dataset.pairs.filter((one) => (!side || one.side === side) && one.mean >= least && one.mean <= most);
  const all = dataset.pairs.length;
  byId("count").textContent = left.length < all ? `${left.length} of ${all} shown` : "";
  byId("clear").hidden = !(side || byId("least").value || byId("most").value);
  show(Math.max(left.indexOf(before), 0));
}

function fromAddress() {
  const [index, name] = location.hash.slice(1).split("/");
  if (views.includes(name)) view = name;
  return Math.max(left.findIndex((one) => String(one.index) === index), 0);
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !left.length) return;
  if (event.target.matches("input[type=number], select")) return;
  const step = STEPS[event.key];
  if (step && !event.shiftKey) {
    if (!step[0] || event.target === byId("slider")) return;
    show(place + step[0]);
  } else if (!pair) return;
  else if (step) {
    const speed = pointer ? (event.repeat ? 4 : 1) : 0;
    const from = pointer ?? { x: width >> 1, y: height >> 1 };
    movePointer(from.x + speed * step[0], from.y + speed * step[1]);
  } else if (event.key.toLowerCase() === "b") blink(!blinking);
  else if (event.key === "Escape") dropPointer();
  else if (event.key === " " && !event.target.matches("button, summary, input")) choose(otherFrame());
  else if (views[Number(event.key) - 1]) choose(views[Number(event.key) - 1]);
  else return;
  event.preventDefault();
}

function listen() {
  const stage = byId("stage");
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * height);
    if (pair) movePointer(x, y);
  };
  stage.addEventListener("pointerdown", follow);
  stage.addEventListener("pointermove", follow);
  // A tap on a frame flips it; in the other views it only reads the value.
  stage.addEventListener("click", () => choose(view.startsWith("frame") ? otherFrame() : view));
  for (const button of buttons) {
    button.addEventListener("click", () => choose(button.dataset.view));
    const preview = (name) => (event) => {
      if (event.pointerType !== "mouse" || !pair) return;
      peek = name;
      drawView();
    };
    button.addEventListener("pointerenter", preview(button.dataset.view));
    button.addEventListener("pointerleave", preview(null));
  }
  for (const picture of pictures) picture.addEventListener("load", drawLoupe);
  byId("blink").addEventListener("click", () => blink(!blinking && pair !== null));
  byId("previous").addEventListener("click", () => show(place - 1));
  byId("next").addEventListener("click", () => show(place + 1));
  byId("slider").addEventListener("input", (event) => show(Number(event.target.value)));
  byId("own").addEventListener("change", () => pair && drawLayers());
  byId("filter").addEventListener("input", applyFilter);
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("reset", () => setTimeout(applyFilter));
  document.addEventListener("keydown", onKey);
  window.addEventListener("resize", () => pair && (drawHistogram(), drawPointer()));
  window.addEventListener("hashchange", () => show(fromAddress()));
}

listen();
applyFilter();
show(fromAddress());
