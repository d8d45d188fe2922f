"use strict";
// The page reads without it: it adds the divider, zoom and sorting.
const byId = (id) => document.getElementById(id);
const { values, digits } = JSON.parse(byId("values").textContent);
const sections = [...document.querySelectorAll(".crops section")];
const stage = byId("stage");
const { place, zoomTo } = makeStage(stage, byId("divider"), (view) => { byId("zoom").value = view.zoom; });

function format(name, value) {
  const metric = name.split(" ")[1];
  return value === null || value === undefined ? "–" : value.toFixed(digits[metric] ?? 4);
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
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details.printed")) part.open = true;
});

document.querySelector(".crops").open = false;
byId("viewer").hidden = false;
byId("sorting").hidden = false;
makeButtons();
place();
sort();
show();
