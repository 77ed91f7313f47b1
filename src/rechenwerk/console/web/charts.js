// Charts: figures that stand in the page's own attributes, drawn as SVG in the page's colours.
import { init, use } from "echarts/core";
import { BarChart, LineChart } from "echarts/charts";
import { GridSimpleComponent, LegendPlainComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, LineChart, GridSimpleComponent, LegendPlainComponent, TooltipComponent, SVGRenderer]);

const language = document.documentElement.lang;
const numbers = new Intl.NumberFormat(language === "en" ? "en-GB" : language, { maximumFractionDigits: 6 });
const short = new Intl.NumberFormat(language === "en" ? "en-GB" : language, { notation: "compact", maximumFractionDigits: 2 });
const days = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { day: "numeric", month: "short", timeZone: "UTC" });
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const label = (text) => (/^\d{4}-\d{2}-\d{2}$/.test(text) ? days.format(new Date(`${text}T00:00:00Z`)) : text);

function option(chart) {
  const palette = [1, 2, 3, 4, 5, 6].map((one) => color(`--chart-${one}`));
  const ink = color("--ink"), muted = color("--muted"), rule = color("--rule");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    color: palette,
    animation: !still,
    animationDuration: 300,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    grid: { left: 8, right: 12, top: chart.series.length > 1 ? 36 : 14, bottom: 4, containLabel: true },
    legend: chart.series.length > 1 ? { top: 0, left: 0, textStyle: { color: ink }, itemHeight: 8, itemWidth: 14, icon: "roundRect" } : undefined,
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true,
      backgroundColor: color("--sheet"), borderColor: color("--rule-strong"), textStyle: { color: ink },
      axisPointer: { type: chart.kind === "bar" ? "shadow" : "line", lineStyle: { color: muted } },
      formatter: (rows) => [label(rows[0].axisValue), ...rows.filter((row) => row.value !== null && row.value !== undefined)
        .map((row) => `${row.seriesName}  ${numbers.format(row.value)} ${chart.unit}`)].join("\n"),
    },
    xAxis: {
      type: "category", data: chart.x, boundaryGap: chart.kind === "bar",
      axisLabel: { color: muted, hideOverlap: true, formatter: label }, axisLine: { lineStyle: { color: rule } }, axisTick: { show: false },
    },
    yAxis: { type: "value", axisLabel: { color: muted, formatter: (value) => short.format(value) }, splitLine: { lineStyle: { color: rule } } },
    series: chart.series.map((one) => ({
      name: one.name, data: one.data, type: chart.kind, stack: chart.kind === "bar" ? "all" : undefined,
      barMaxWidth: 26, showSymbol: false, lineStyle: { width: 2, type: one.dashed ? "dashed" : "solid" },
      areaStyle: one.area ? { opacity: 0.12 } : undefined, connectNulls: false,
    })),
  };
}

const drawn = new Map();

function draw() {
  for (const [node, chart] of drawn) if (!node.isConnected) { chart.dispose(); drawn.delete(node); }
  for (const node of document.querySelectorAll("[data-chart]")) {
    if (!drawn.has(node)) drawn.set(node, init(node, null, { renderer: "svg" }));
    drawn.get(node).setOption(option(JSON.parse(node.dataset.chart)), true);
  }
}

draw();
document.addEventListener("htmx:afterSettle", draw);
addEventListener("resize", () => drawn.forEach((one) => one.resize()));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
