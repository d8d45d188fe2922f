// <before-after>: a result under a divider. The pictures come from this machine, a region at a time
// and in no more pixels than the screen has, because a result may have 200 megapixels.
customElements.define("before-after", class extends HTMLElement {
  connectedCallback() {
    const [height, width, scale] = ["height", "width", "scale"].map((key) => Number(this.dataset[key]));
    Object.assign(this, { height, width, scale, asked: 0 });
    this.stage = this.querySelector(".stage");
    this.sheets = [...this.querySelectorAll(".sheet[data-layer]")];
    const most = Math.max(1, (8 * width) / (this.stage.clientWidth || 600));
    this.view = makeStage(this.stage, this.querySelector(".divider"), () => this.changed(), most);
    this.querySelector('[data-do="map"]').addEventListener("change", (event) => this.showMap(event.target.value));
    this.querySelector('[data-do="flags"]')?.addEventListener("change", (event) => this.outline(event.target.checked));
    this.addEventListener("click", (event) => this.pressed(event.target.dataset ?? {}));
    this.whole();
    this.view.place();
    if (innerWidth < 700) this.scrollIntoView({ block: "start" }); // it is below the controls
  }

  pressed({ do: action, box }) {
    const { view, zoomTo, show } = this.view;
    if (action === "in") zoomTo(view.zoom * 1.5);
    if (action === "out") zoomTo(view.zoom / 1.5);
    if (action === "whole") zoomTo(1);
    if (action === "pixels") zoomTo(this.width / this.stage.clientWidth);
    if (!box) return;
    const [top, left, bottom, right] = box.split(" ").map(Number);
    const share = Math.max((right - left) / this.width, (bottom - top) / this.height);
    this.outline(true);
    show(0.4 / share, [(left + right) / 2 / this.width, (top + bottom) / 2 / this.height]);
    this.stage.scrollIntoView({ block: "nearest" });
  }

  outline(on) {
    this.querySelector('[data-do="flags"]').checked = on;
    this.querySelector(".flags").hidden = !on;
  }

  showMap(name) {
    const sheet = this.sheets.find((each) => each.dataset.layer === "map");
    sheet.dataset.name = name;
    sheet.replaceChildren();
    this.whole();
    this.changed();
  }

  names() {
    return this.sheets.map((sheet) => [sheet, sheet.dataset.layer === "map" ? sheet.dataset.name : sheet.dataset.layer]);
  }

  // Fill each sheet that is empty with the whole picture.
  whole() {
    for (const [sheet, name] of this.names()) {
      if (name && !sheet.children.length) this.load(sheet, name, "whole", { longest: this.pixels() });
    }
  }

  // Longest side of the stage in pixels of the screen.
  pixels() {
    return Math.ceil(Math.max(this.stage.clientWidth, this.stage.clientHeight, 600) * devicePixelRatio);
  }

  changed() {
    if (!this.isConnected || !this.view) return;
    const { view } = this.view;
    const size = (this.stage.clientWidth * view.zoom) / this.width;
    this.querySelector("output").textContent = `${Math.round(100 * size)} %`;
    this.classList.toggle("large", size * devicePixelRatio > 1.5);
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.detail(), 120);
  }

  // Ask for the region that is in view, in whole LR px.
  detail() {
    if (!this.isConnected) return;
    const { view } = this.view;
    const { clientWidth, clientHeight } = this.stage;
    const [columns, rows] = [this.width / this.scale, this.height / this.scale];
    const at = (from, side, count) => {
      const first = Math.floor((-from / (side * view.zoom)) * count);
      const last = Math.ceil(((side - from) / (side * view.zoom)) * count);
      return [Math.max(0, first), Math.min(count, last)];
    };
    const [left, right] = at(view.x, clientWidth, columns);
    const [top, bottom] = at(view.y, clientHeight, rows);
    const round = ++this.asked;
    for (const [sheet, name] of this.names()) {
      if (view.zoom === 1 || !name) {
        sheet.querySelector(".detail")?.remove();
        continue;
      }
      const place = { left: left / columns, top: top / rows, width: (right - left) / columns, height: (bottom - top) / rows };
      this.load(sheet, name, "detail", { top, left, bottom, right, longest: this.pixels() + 64 }, place, round);
    }
  }

  async load(sheet, name, kind, query, place, round) {
    const image = new Image();
    image.className = kind;
    image.alt = kind === "whole" ? name : "";
    for (const [side, share] of Object.entries(place ?? {})) image.style[side] = `${100 * share}%`;
    image.src = `${this.dataset.source}/${name}?${new URLSearchParams(query)}`;
    try {
      await image.decode();
    } catch {
      this.querySelector(".gone").hidden = !this.isConnected;
      return;
    }
    if (round && round !== this.asked) return; // the view has moved on
    sheet.querySelector(`.${kind}`)?.remove();
    if (kind === "whole") sheet.prepend(image);
    else sheet.append(image);
  }
});
