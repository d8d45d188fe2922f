"use strict";
// Two pictures under a divider, with zoom: by mouse, touch and keyboard. The report and the page of
// the command app include it.
// stage: an element of the class stage. divider: its slider, 0 to 100.
// changed: called after each zoom or move. most: the largest zoom.
function makeStage(stage, divider, changed, most = 8) {
  const view = { x: 0, y: 0, zoom: 1 };

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
    changed(view);
  }

  function zoomTo(zoom, share = [0.5, 0.5]) {
    const { width, height } = stage.getBoundingClientRect();
    const next = Math.min(most, Math.max(1, zoom));
    // what is there, by default in the middle, stays there
    const [x, y] = [width * share[0], height * share[1]];
    view.x = x - (x - view.x) * (next / view.zoom);
    view.y = y - (y - view.y) * (next / view.zoom);
    view.zoom = next;
    place();
  }

  // Show a place, in shares of the picture's sides, in the middle.
  function show(zoom, [x, y]) {
    const { width, height } = stage.getBoundingClientRect();
    view.zoom = Math.min(most, Math.max(1, zoom));
    view.x = width * (0.5 - x * view.zoom);
    view.y = height * (0.5 - y * view.zoom);
    place();
  }

  function divide(percent) {
    const at = Math.min(100, Math.max(0, percent));
    divider.value = at;
    stage.style.setProperty("--at", `${at}%`);
  }

  function shareOf(event) {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  divider.addEventListener("input", () => divide(divider.valueAsNumber));
  stage.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (moves[event.key]) {
      view.x += moves[event.key][0];
      view.y += moves[event.key][1];
      place();
    } else if (event.key === "+" || event.key === "-") {
      zoomTo(event.key === "+" ? view.zoom * 1.25 : view.zoom / 1.25);
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
    const near = Math.abs(x * 100 - divider.valueAsNumber) * stage.clientWidth < 2400; // 24 px
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
  divide(50);
  return { view, place, zoomTo, show, divide };
}
