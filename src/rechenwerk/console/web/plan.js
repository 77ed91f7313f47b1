// A plan's charts, drawn from the page's own attributes, and its sliders, which ask the API as they move.
import { init, use } from "echarts/core";
import { BarChart, GraphChart, LineChart } from "echarts/charts";
import { GridSimpleComponent, LegendPlainComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, GraphChart, LineChart, GridSimpleComponent, LegendPlainComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

const locale = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const format = (digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits });
const formats = [0, 1, 2].map(format);
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 2 });
const months = new Intl.DateTimeFormat(locale, { month: "short", year: "numeric", timeZone: "UTC" });
const longMonths = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" });
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const date = (text) => new Date(`${text}-01T00:00:00Z`);
const isMonth = (text) => /^\d{4}-\d{2}$/.test(text);
const period = (text) => (isMonth(text) ? months.format(date(text)) : text);
const brief = (value) => {
  if (value === null || !Number.isFinite(value)) return "–";
  if (Math.abs(value) < 0.005) value = 0;
  const size = Math.abs(value);
  return formats[size >= 1000 || value === 0 ? 0 : size >= 100 ? 1 : 2].format(value);
};
const share = (value) => `${formats[1].format(value * 100)} %`;

function common() {
  const ink = color("--ink"), muted = color("--muted"), rule = color("--rule");
  const axis = { axisLabel: { color: muted, hideOverlap: true }, axisLine: { lineStyle: { color: rule } }, axisTick: { show: false }, splitLine: { lineStyle: { color: rule } } };
  return {
    ink, muted, rule, axis,
    palette: [1, 2, 3, 4, 5, 6].map((one) => color(`--chart-${one}`)),
    shared: {
      animation: !matchMedia("(prefers-reduced-motion: reduce)").matches, animationDuration: 300, animationDurationUpdate: 150,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
      grid: { left: 8, right: 14, top: 38, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, type: "plain", textStyle: { color: ink }, itemHeight: 8, itemWidth: 14, icon: "roundRect" },
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: color("--sheet"), borderColor: color("--rule-strong"),
        textStyle: { color: ink }, axisPointer: { type: "line", lineStyle: { color: muted } },
      },
    },
  };
}

const value = (style) => ({ ...style.axis, type: "value", axisLabel: { color: style.muted, formatter: (one) => compact.format(one) }, axisLine: { show: false } });
const periods = (style, chart, gap) => ({ ...style.axis, type: "category", data: chart.x, boundaryGap: gap, axisLabel: { color: style.muted, hideOverlap: true, formatter: period } });

function fan(chart) {
  const style = common(), words = chart.words, main = style.palette[0];
  const band = (name, [low, high], opacity) => [
    { name: `${name} low`, type: "line", stack: name, data: low, lineStyle: { opacity: 0 }, showSymbol: false, silent: true, tooltip: { show: false } },
    { name, type: "line", stack: name, stackStrategy: "all", data: high.map((one, at) => one - low[at]), lineStyle: { opacity: 0 }, showSymbol: false, silent: true, areaStyle: { color: main, opacity }, itemStyle: { color: main, opacity: opacity + 0.2 } },
  ];
  return {
    ...style.shared,
    legend: { ...style.shared.legend, data: [words.between, words.half, words.middle, words.expected] },
    tooltip: {
      ...style.shared.tooltip,
      formatter: (rows) => {
        const at = rows[0].dataIndex;
        return [
          period(chart.x[at]), `${words.middle}  ${brief(chart.middle[at])} ${chart.unit}`, `${words.expected}  ${brief(chart.base[at])} ${chart.unit}`,
          `${words.between}  ${brief(chart.outer[0][at])} … ${brief(chart.outer[1][at])}`,
          `${words.likely}  ${share(chart.ruined[at])}`,
        ].join("\n");
      },
    },
    xAxis: periods(style, chart, false), yAxis: value(style),
    series: [
      ...band(words.between, chart.outer, 0.14), ...band(words.half, chart.inner, 0.26),
      { name: words.middle, type: "line", data: chart.middle, showSymbol: false, lineStyle: { width: 2.5, color: main }, itemStyle: { color: main }, markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: color("--bad"), type: "solid", width: 1 }, data: [{ yAxis: 0 }] } },
      { name: words.expected, type: "line", data: chart.base, showSymbol: false, lineStyle: { width: 2, type: "dashed", color: style.palette[1] }, itemStyle: { color: style.palette[1] } },
    ],
  };
}

function bars(chart) {
  const style = common();
  return {
    ...style.shared, color: style.palette, xAxis: { ...periods(style, chart, true) }, yAxis: value(style),
    tooltip: { ...style.shared.tooltip, axisPointer: { type: "shadow" }, formatter: (rows) => [rows[0].axisValue, ...rows.map((one) => `${one.seriesName}  ${brief(one.value)} ${chart.unit}`)].join("\n") },
    series: chart.series.map((one, at) => ({ name: one.name, type: "bar", stack: "all", data: one.data, barMaxWidth: 42, itemStyle: { color: style.palette[at % 6], opacity: at < 6 ? 1 : 0.55 } })),
  };
}

function lines(chart) {
  const style = common(), dashes = ["solid", "dashed", "dotted"];
  return {
    ...style.shared, color: style.palette, xAxis: periods(style, chart, false), yAxis: value(style),
    tooltip: { ...style.shared.tooltip, formatter: (rows) => [period(rows[0].axisValue), ...rows.map((one) => `${one.seriesName}  ${brief(one.value)} ${chart.unit}`)].join("\n") },
    series: chart.series.map((one, at) => ({
      name: one.name, type: "line", data: one.data, showSymbol: false, lineStyle: { width: at ? 2 : 3, type: dashes[Math.floor(at / 6) % 3] },
      markLine: at ? undefined : { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: color("--bad"), type: "solid", width: 1 }, data: [{ yAxis: 0 }] },
    })),
  };
}

function tornado(chart) {
  const style = common(), middle = chart.middle;
  const part = (name, data, hue) => ({ name, type: "bar", stack: "one", barMaxWidth: 22, itemStyle: { color: hue }, data: data.map((one) => one - middle) });
  return {
    ...style.shared,
    tooltip: { ...style.shared.tooltip, axisPointer: { type: "shadow" }, formatter: (rows) => [rows[0].axisValue, ...rows.map((one) => `${one.seriesName}  ${brief(one.value + middle)} ${chart.unit}`)].join("\n") },
    xAxis: { ...value(style), axisLabel: { color: style.muted, hideOverlap: true, formatter: (one) => compact.format(one + middle) } },
    yAxis: { ...style.axis, type: "category", inverse: true, data: chart.names, axisLabel: { color: style.ink } },
    series: [part(chart.words.low, chart.low, style.palette[1]), part(chart.words.high, chart.high, style.palette[0])],
  };
}

function graph(chart) {
  const style = common(), kinds = [...new Set(chart.ties.map((one) => one.what))];
  const most = Math.max(...chart.ties.map((one) => one.amount), 1e-9), size = {};
  for (const one of chart.ties) for (const name of [one.from, one.to]) size[name] = (size[name] ?? 0) + one.amount;
  const largest = Math.max(...Object.values(size), 1e-9);
  return {
    ...style.shared, color: style.palette, legend: undefined,
    tooltip: {
      ...style.shared.tooltip, trigger: "item",
      formatter: ({ data }) => (data.what ? `${data.source} → ${data.target}\n${data.what}  ${brief(data.amount)} ${chart.unit}` : `${data.name}${data.failed ? `\n${chart.words.failed} ${period(data.failed)}` : ""}`),
    },
    series: [{
      type: "graph", layout: "circular", circular: { rotateLabel: false }, roam: false, top: 46, bottom: 46, left: 90, right: 90, edgeSymbol: ["none", "arrow"], edgeSymbolSize: 8,
      label: { show: true, position: "right", color: style.ink, distance: 6 },
      data: chart.firms.map((one) => ({
        name: one.name, failed: one.failed, symbolSize: 14 + 34 * Math.sqrt((size[one.name] ?? 0) / largest),
        symbol: one.failed ? "diamond" : "circle", itemStyle: { color: one.failed ? color("--bad") : style.palette[0] },
      })),
      links: chart.ties.map((one) => ({
        source: one.from, target: one.to, what: one.what, amount: one.amount,
        lineStyle: { color: style.palette[1 + kinds.indexOf(one.what)], width: 1 + 6 * Math.sqrt(one.amount / most), opacity: 0.65, curveness: 0.22 },
      })),
    }],
  };
}

const kinds = { fan, bars, lines, tornado, graph };
const drawn = new Map();

function draw() {
  for (const [node, one] of drawn) if (!node.isConnected) { one.dispose(); drawn.delete(node); }
  for (const node of document.querySelectorAll("[data-plan-chart]")) {
    if (!node.dataset.planChart) continue;
    const chart = JSON.parse(node.dataset.planChart);
    if (!drawn.has(node)) drawn.set(node, init(node, null, { renderer: "svg" }));
    drawn.get(node).setOption(kinds[chart.kind](chart), true);
  }
}

draw();
addEventListener("resize", () => drawn.forEach((one) => one.resize()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
document.addEventListener("htmx:afterSettle", draw);

// -- sliders: a small sample at once, then more paths; an older question is given up ---------------
const trying = document.querySelector("[data-try]");
if (trying) {
  const told = JSON.parse(trying.dataset.try), words = told.words;
  const chart = document.getElementById("try-fan"), status = document.getElementById("try-status"), rows = document.getElementById("try-rows");
  const sliders = [...trying.querySelectorAll("[data-driver]")];
  const scale = (input) => 2 ** Number(input.value);
  let asking = null;

  const figure = (one) => {
    if (["months", "Monate"].includes(one.unit)) return one.note ? (isMonth(one.note) ? longMonths.format(date(one.note)) : one.note) : words.never;
    if (one.value === null) return words.none;
    return ["share", "Anteil"].includes(one.unit) ? share(one.value) : `${brief(one.value)} ${one.unit}`;
  };

  function show(found) {
    for (const one of found.figures) {
      const node = trying.querySelector(`[data-figure="${CSS.escape(one.key)}"]`);
      if (node) node.textContent = figure(one);
    }
    trying.querySelector("[data-ruin]").textContent = share(found.ruined.at(-1));
    const [low, quarter, middle, three, high] = found.quantiles.cash;
    chart.dataset.planChart = JSON.stringify({ kind: "fan", unit: found.unit, x: found.periods, outer: [low, high], inner: [quarter, three], middle, base: found.base.cash, ruined: found.ruined, words });
    draw();
    rows.replaceChildren(...found.periods.map((name, at) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      head.scope = "row";
      head.textContent = period(name);
      row.append(head, ...[found.base.cash[at], low[at], middle[at], high[at]].map(brief).concat(share(found.ruined[at])).map((text) => {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
    trying.dataset.paths = found.paths;
    status.textContent = words.paths_shown.replace("{count}", formats[0].format(found.paths));
  }

  async function ask() {
    asking?.abort();
    const control = asking = new AbortController();
    const without = [...trying.querySelectorAll("[name=without]:checked")].map((one) => one.value);
    const scenario = trying.querySelector("[name=scenario]")?.value ?? "";
    const factors = Object.fromEntries(sliders.filter((one) => Number(one.value)).map((one) => [one.dataset.driver, scale(one)]));
    trying.setAttribute("aria-busy", "true");
    for (const paths of [300, 3000]) {
      const begun = performance.now();
      try {
        const answer = await fetch(told.url, {
          method: "POST", signal: control.signal, headers: { "content-type": "application/json" },
          body: JSON.stringify({ factors, scenario, without, paths, language: told.language }),
        });
        const found = await answer.json();
        if (control !== asking) return;
        if (!answer.ok) { status.textContent = found.error?.message ?? String(answer.status); break; }
        show(found);
        performance.measure(`try-${paths}`, { start: begun, end: performance.now() });
      } catch (error) {
        if (error.name === "AbortError") return;
        status.textContent = String(error.message);
        break;
      }
    }
    trying.removeAttribute("aria-busy");
  }

  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(ask, 40); };
  const say = (input) => {
    const factor = scale(input), output = input.closest(".slider").querySelector("output");
    output.textContent = `× ${formats[2].format(factor)}`;
    output.classList.toggle("moved", Number(input.value) !== 0);
    input.setAttribute("aria-valuetext", `× ${formats[2].format(factor)}`);
  };
  trying.addEventListener("input", (event) => { if (event.target.matches("[data-driver]")) { say(event.target); soon(); } });
  trying.addEventListener("change", (event) => { if (event.target.matches("[name=without], [name=scenario]")) soon(); });
  trying.querySelector("[data-back]").addEventListener("click", () => { for (const one of sliders) { one.value = "0"; say(one); } ask(); });
  sliders.forEach(say);
  ask();
}

// -- a file chosen is put into the text; a mistake's button goes to its line ------------------------
document.addEventListener("change", async (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !input.dataset.into || !input.files.length) return;
  const file = input.files[0], form = input.form;
  document.getElementById(input.dataset.into).value = await file.text();
  if (input.dataset.into === "f-text") {
    form.elements.format.value = /\.ya?ml$/i.test(file.name) ? "yaml" : "toml";
    const name = form.elements.name;
    if (name && !name.value) name.value = file.name.replace(/\.[^.]+$/, "");
  }
});
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-line]") : null;
  if (!button) return;
  const text = document.getElementById("f-text"), all = text.value.split("\n"), line = Number(button.dataset.line);
  const start = all.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (all[line - 1]?.length ?? 0));
  text.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(text).lineHeight));
});
