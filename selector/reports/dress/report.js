"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function theme() {
    const ink = dark.matches ? "#e6e9ed" : "#1b1f24", line = dark.matches ? "#323941" : "#d7dde3";
    const axis = { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line };
    return {
      background: "transparent", font: getComputedStyle(document.body).fontFamily,
      axis: { ...axis, labelFontSize: 12, titleFontSize: 12 }, legend: { labelColor: ink, labelFontSize: 12 },
      text: { color: ink, fontSize: 12 }, view: { stroke: line },
    };
  }

  // `ast` makes Vega interpret expressions, as the page's security policy forbids to compile any.
  function draw() {
    for (const [key, spec] of Object.entries(charts)) {
      vegaEmbed(document.getElementById("chart-" + key), spec, {
        ast: true, renderer: "svg", config: theme(), tooltip: { theme: dark.matches ? "dark" : "light" },
        actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
        downloadFileName: key,
      });
    }
  }

  function value(row, place) {
    const cell = row.children[place];
    return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
  }

  // What has no figure stays last, whichever way the others are sorted.
  function order(first, second, sign) {
    const words = typeof first === "string", other = typeof second === "string";
    if (words !== other) return words ? 1 : -1;
    return sign * (words ? first.localeCompare(second) : first - second);
  }

  function sort(heading) {
    const table = heading.closest("table"), body = table.tBodies[0];
    const place = Array.prototype.indexOf.call(heading.parentNode.children, heading);
    const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const each of heading.parentNode.children) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const rows = Array.from(body.rows);
    rows.sort((one, two) => order(value(one, place), value(two, place), sign));
    body.append(...rows);
  }

  draw();
  dark.addEventListener("change", draw);
  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => sort(button.parentNode));
  }
})();
