// What a model wrote, as a document that cannot do anything: Markdown without HTML, then a second wall.
import markdownIt from "markdown-it";
import { katex } from "@mdit/plugin-katex";
import createPurify from "dompurify";
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const languages = { bash, cpp, csharp, css, diff, go, ini, java, javascript, json, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(languages)) hljs.registerLanguage(name, language);

const LARGEST = 30000; // characters of code that are coloured
const markdown = markdownIt({
  html: false, linkify: true, typographer: false,
  highlight: (code, name) => {
    if (!hljs.getLanguage(name) || code.length > LARGEST) return "";
    return hljs.highlight(code, { language: name, ignoreIllegals: true }).value;
  },
});
markdown.disable("image"); // A picture's address would tell its host who reads.
// MathML needs neither fonts nor styles of its own; a formula may neither link nor define without end.
markdown.use(katex, { delimiters: "all", output: "mathml", throwOnError: false, trust: false, logger: () => "ignore", maxExpand: 200, maxSize: 20 });

const purify = createPurify(window);
const MATH = ["math", "menclose", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover"];
const ATTRIBUTES = ["class", "start", "align", "display", "mathvariant", "stretchy", "fence", "separator", "accent", "accentunder", "columnalign", "rowspacing", "columnspacing", "linethickness", "lspace", "rspace", "width", "height", "depth", "voffset", "scriptlevel", "displaystyle", "movablelimits", "minsize", "maxsize", "mathcolor"];
const RULES = {
  ALLOWED_TAGS: ["a", "blockquote", "br", "code", "del", "s", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul", ...MATH],
  ALLOWED_ATTR: ["href", ...ATTRIBUTES],
  ADD_URI_SAFE_ATTR: ATTRIBUTES,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false,
  FORBID_CONTENTS: ["annotation", "annotation-xml", "script", "style", "template", "noscript", "iframe", "svg"],
  RETURN_DOM_FRAGMENT: true,
};
const CLASSES = /^(?:hljs-[a-z_-]+|language-[\w+#-]{1,30}|katex(?:-[a-z]+)?)$/;

// Text has no plain quotation marks any more here: what looks like an attribute is one.
const styleless = (html) => html.replace(/ style="text-align:(left|right|center)"/g, ' align="$1"').replace(/ style="[^"]*"/g, "");

export function render(text) {
  const fragment = purify.sanitize(styleless(markdown.render(text)), RULES);
  for (const node of fragment.querySelectorAll("[class]")) {
    const kept = [...node.classList].filter((one) => CLASSES.test(one));
    if (kept.length) node.className = kept.join(" ");
    else node.removeAttribute("class");
  }
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    link.referrerPolicy = "no-referrer";
  }
  // Headings of an answer stand below the page's own; what may be wider than the page scrolls.
  for (const node of fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const lower = document.createElement(`h${Math.min(6, Number(node.tagName[1]) + 2)}`);
    lower.append(...node.childNodes);
    node.replaceWith(lower);
  }
  for (const node of fragment.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "scroll";
    box.tabIndex = 0;
    node.replaceWith(box);
    box.append(node);
  }
  for (const node of fragment.querySelectorAll("pre")) node.tabIndex = 0;
  return fragment;
}
