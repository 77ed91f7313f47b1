// Figures and times as the page's language writes them, and as the server writes them beside it.
const language = document.documentElement.lang;
const locale = language === "en" ? "en-GB" : language;
const date = (text) => new Date(`${text.length === 7 ? `${text}-01` : text}T00:00:00Z`);
const time = (options) => new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
const days = time({ day: "numeric", month: "short" }), months = time({ month: "short", year: "numeric" }), longMonths = time({ month: "long", year: "numeric" });
const isMonth = (text) => /^\d{4}-\d{2}$/.test(text);
const isDay = (text) => /^\d{4}-\d{2}-\d{2}$/.test(text);
const exactly = (digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits, minimumFractionDigits: digits });

export const formats = [0, 1, 2].map(exactly);
export const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 });
export const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 2 });
export const period = (text) => (isMonth(text) ? months.format(date(text)) : isDay(text) ? days.format(date(text)) : text);
export const longPeriod = (text) => (isMonth(text) ? longMonths.format(date(text)) : text);
export const share = (value) => `${formats[1].format(value * 100)} %`;
export const brief = (value) => {
  if (value === null || !Number.isFinite(value)) return "–";
  if (Math.abs(value) < 0.005) value = 0;
  const size = Math.abs(value);
  return formats[size >= 1000 || value === 0 ? 0 : size >= 100 ? 1 : 2].format(value);
};
