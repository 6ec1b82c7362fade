// The plots of a page, drawn from the numbers that are in it. Without this script the page has drawings of the same.
globalThis.warrenPlots = (() => {
  "use strict";
  const HEIGHT = 150;
  const LEAST_WIDTH = 200;

  /** By the figure: the plot, and the text that it was drawn from. */
  const plots = new Map();
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  /** Draws what is new, gives the others their new numbers, and forgets what left the page. */
  function draw() {
    for (const data of document.querySelectorAll(".plot-data")) {
      const figure = document.getElementById(data.dataset.plot);
      const text = data.textContent;
      const known = plots.get(figure);
      if (!figure || known?.text === text) continue;
      if (known) known.plot.setData(JSON.parse(text));
      plots.set(figure, { text, plot: known?.plot ?? plotIn(figure, JSON.parse(text)) });
    }
    for (const [figure, { plot }] of plots) {
      if (figure.isConnected) continue;
      plot.destroy();
      plots.delete(figure);
    }
  }

  function plotIn(figure, values) {
    const place = figure.querySelector(".canvas");
    const style = getComputedStyle(figure);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const series = JSON.parse(figure.dataset.series);
    const format = figure.dataset.unit === "ms" ? duration : (value) => value.toLocaleString();
    const axis = {
      stroke: color("quiet"),
      grid: { stroke: color("line"), width: 1 },
      ticks: { show: false },
      font: `11px ${style.fontFamily}`,
    };
    const ticks = (_, all) => all.map((tick) => tick === 0 ? "0" : format(tick));
    const line = ([label, tone], at) => ({
      label,
      stroke: color(tone),
      fill: at === 0 ? color("area") : undefined,
      width: 1.5,
      points: { show: true, size: 5, filter: alone },
    });
    place.replaceChildren();
    const options = {
      width: widthOf(place),
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
      axes: [{ ...axis, size: 26, values: "{HH}:{mm}" }, { ...axis, size: 56, values: ticks }],
      series: [{}, ...series.map(line)],
      hooks: { setCursor: [pointer(figure, series.map(([label]) => label), format)] },
    };
    return new uPlot(options, values, place);
  }

  /** Values without neighbours, which no line would show. */
  function alone({ data }, at) {
    const values = data[at];
    return values.flatMap((value, index) =>
      value != null && values[index - 1] == null && values[index + 1] == null ? [index] : []
    );
  }

  function widthOf(place) {
    return Math.max(LEAST_WIDTH, place.clientWidth);
  }

  /** Says what is under the pointer, in place of the words of the figure. */
  function pointer(figure, labels, format) {
    const words = figure.querySelector(".words");
    let usual;
    return ({ cursor: { idx }, data }) => {
      if (idx == null) {
        if (usual !== undefined) words.textContent = usual;
        usual = undefined;
        return;
      }
      usual ??= words.textContent;
      const parts = labels.map((label, at) =>
        `${label} ${data[at + 1][idx] == null ? "–" : format(data[at + 1][idx])}`
      );
      words.textContent = `${clock.format(new Date(data[0][idx] * 1000))}: ${parts.join(", ")}`;
    };
  }

  function duration(ms) {
    if (ms < 1_000) return `${Math.round(ms * 10) / 10} ms`;
    return ms < 60_000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms / 6_000) / 10} min`;
  }

  // The colours are in the drawing, so another scheme is another drawing.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { plot } of plots.values()) plot.destroy();
    plots.clear();
    draw();
  });

  let resizing;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => {
      for (const [figure, { plot }] of plots) {
        plot.setSize({ width: widthOf(figure.querySelector(".canvas")), height: HEIGHT });
      }
    }, 150);
  });

  return { draw };
})();
