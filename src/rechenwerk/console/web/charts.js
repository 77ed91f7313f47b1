// Charts: figures that stand in the page's own attributes, drawn as SVG in the page's colours.
import { init, use } from "echarts/core";
import { BarChart, GraphChart, LineChart } from "echarts/charts";
import { GridSimpleComponent, LegendPlainComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";
import { brief, compact, numbers, period, share } from "./shared/figures.js";

use([BarChart, GraphChart, LineChart, GridSimpleComponent, LegendPlainComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

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

// Amounts by day or by name: lines, or bars that stand on each other.
function plain(chart) {
  const style = common(), isBar = chart.kind === "bar", several = chart.series.length > 1;
  return {
    ...style.shared, color: style.palette, xAxis: periods(style, chart, isBar), yAxis: value(style),
    grid: { ...style.shared.grid, top: several ? 38 : 14 }, legend: several ? style.shared.legend : undefined,
    tooltip: {
      ...style.shared.tooltip, axisPointer: { type: isBar ? "shadow" : "line", lineStyle: { color: style.muted } },
      formatter: (rows) => [period(rows[0].axisValue), ...rows.filter((row) => row.value !== null && row.value !== undefined)
        .map((row) => `${row.seriesName}  ${numbers.format(row.value)} ${chart.unit}`)].join("\n"),
    },
    series: chart.series.map((one) => ({
      name: one.name, data: one.data, type: chart.kind, stack: isBar ? "all" : undefined,
      barMaxWidth: 26, showSymbol: false, lineStyle: { width: 2, type: one.dashed ? "dashed" : "solid" },
      areaStyle: one.area ? { opacity: 0.12 } : undefined, connectNulls: false,
    })),
  };
}

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

const kinds = { line: plain, bar: plain, fan, bars, lines, tornado, graph };
const drawn = new Map();

function draw() {
  for (const [node, one] of drawn) if (!node.isConnected) { one.dispose(); drawn.delete(node); }
  for (const node of document.querySelectorAll("[data-chart]")) {
    if (!node.dataset.chart) continue;
    const chart = JSON.parse(node.dataset.chart);
    if (!drawn.has(node)) drawn.set(node, init(node, null, { renderer: "svg" }));
    drawn.get(node).setOption(kinds[chart.kind](chart), true);
  }
}

draw();
addEventListener("resize", () => drawn.forEach((one) => one.resize()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
for (const name of ["htmx:afterSettle", "rw:chart"]) document.addEventListener(name, draw);
