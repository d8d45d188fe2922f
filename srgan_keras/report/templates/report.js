"use strict";
// The page reads without it: it adds the divider, zoom and sorting.
const byId = (id) => document.getElementById(id);
const { values, digits } = JSON.parse(byId("values").textContent);
const sections = [...document.querySelectorAll(".crops section")];
const stage = byId("stage");
const view = { x: 0, y: 0, zoom: 1 };

function format(name, value) {
  const metric = name.split(" ")[1];
  return value === null || value === undefined ? "–" : value.toFixed(digits[metric] ?? 4);
}

function place() {
  // no emptiness beside an enlarged picture
  const { width, height } = stage.getBoundingClientRect();
  const within = (at, size) => Math.min(0, Math.max(size * (1 - view.zoom), at));
  view.x = within(view.x, width);
  view.y = within(view.y, height);
  stage.style.setProperty("--x", `${view.x}px`);
  stage.style.setProperty("--y", `${view.y}px`);
  stage.style.setProperty("--zoom", view.zoom);
  stage.classList.toggle("enlarged", view.zoom > 1);
}

function zoomTo(zoom, share = [0.5, 0.5]) {
  const { width, height } = stage.getBoundingClientRect();
  const next = Math.min(8, Math.max(1, zoom));
  // what is there, by default in the middle, stays there
  const [x, y] = [width * share[0], height * share[1]];
  view.x = x - (x - view.x) * (next / view.zoom);
  view.y = y - (y - view.y) * (next / view.zoom);
  view.zoom = next;
  byId("zoom").value = next;
  place();
}

function divide(percent) {
  const at = Math.min(100, Math.max(0, percent));
  byId("divider").value = at;
  stage.style.setProperty("--at", `${at}%`);
}

function shareOf(event) {
  const box = stage.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function show() {
  const section = sections[byId("crop").value];
  const picture = (kind, name) =>
    [...section.querySelectorAll("img")].find((image) => image.dataset[kind] === name)?.src;
  const chosen = { left: byId("left").value, right: byId("right").value };
  for (const image of stage.querySelectorAll("img")) {
    const side = image.dataset.side;
    const name = side === "map" ? byId("map").value : chosen[side];
    const source = name && picture(side === "map" ? "map" : "layer", name);
    image.hidden = !source;
    if (source) image.src = source;
    image.alt = source ? `${section.dataset.id}, ${name}` : "";
  }
  for (const tag of stage.querySelectorAll(".tag")) tag.textContent = chosen[tag.dataset.tag];
  const metric = byId("metric").value;
  const of = (name) => {
    const known = values[section.dataset.id]?.[name]?.[metric];
    return name === "HR" || known === undefined ? name : `${name} (${metric} ${format(metric, known)})`;
  };
  byId("caption").textContent = `Left: ${of(chosen.left)}. Right: ${of(chosen.right)}.`;
}

function sort() {
  const metric = byId("metric").value;
  const model = byId("model").value;
  const order = Number(byId("order").value);
  const value = (item) => values[item.dataset.id]?.[model]?.[metric] ?? null;
  const items = [...byId("gallery").children];
  items.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return order * (x - y);
  });
  for (const item of items) item.querySelector("output").textContent = format(metric, value(item));
  byId("gallery").replaceChildren(...items);
}

function makeButtons() {
  sections.forEach((section, i) => {
    const item = [...byId("gallery").children].find((li) => li.dataset.id === section.dataset.id);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Show ${section.dataset.id} side by side`);
    button.append(item.querySelector("img"));
    button.addEventListener("click", () => {
      byId("crop").value = i;
      show();
      byId("viewer").scrollIntoView();
      stage.focus({ preventScroll: true });
    });
    item.prepend(button);
  });
}

for (const id of ["crop", "left", "right", "map"]) byId(id).addEventListener("change", show);
for (const id of ["metric", "model", "order"]) byId(id).addEventListener("change", () => { sort(); show(); });
byId("zoom").addEventListener("input", (event) => zoomTo(Number(event.target.value)));
byId("divider").addEventListener("input", (event) => divide(event.target.valueAsNumber));
stage.addEventListener("keydown", (event) => {
  const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  if (moves[event.key]) {
    view.x += moves[event.key][0];
    view.y += moves[event.key][1];
    place();
  } else if (event.key === "+" || event.key === "-") {
    zoomTo(view.zoom + (event.key === "+" ? 0.5 : -0.5));
  } else if (event.key === "0") {
    zoomTo(1);
  } else {
    return;
  }
  event.preventDefault();
});
stage.addEventListener("dragstart", (event) => event.preventDefault());
let dividing = false;
stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  const [x] = shareOf(event);
  const near = Math.abs(x * 100 - byId("divider").valueAsNumber) * stage.clientWidth < 2400; // 24 px
  dividing = near || view.zoom === 1; // what is shown whole cannot be moved
  if (dividing) divide(100 * x);
});
stage.addEventListener("pointermove", (event) => {
  if (!stage.hasPointerCapture(event.pointerId)) return;
  if (dividing) {
    divide(100 * shareOf(event)[0]);
  } else {
    view.x += event.movementX;
    view.y += event.movementY;
    place();
  }
});
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return; // two fingers on a touch pad; a plain wheel scrolls the page
  event.preventDefault();
  zoomTo(view.zoom * 2 ** (-event.deltaY / 200), shareOf(event));
}, { passive: false });
addEventListener("resize", place);
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details.printed")) part.open = true;
});

divide(50);
document.querySelector(".crops").open = false;
byId("viewer").hidden = false;
byId("sorting").hidden = false;
makeButtons();
place();
sort();
show();
