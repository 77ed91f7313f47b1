// Builds what the console serves: minified, under names that carry the hash of the content, with a manifest.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "static");
const options = { bundle: true, minify: true, write: false, format: "iife", target: "es2022", legalComments: "none", charset: "utf8", absWorkingDir: here };

const made = async (entry) => (await build({ ...options, entryPoints: [entry] })).outputFiles[0].contents;
const files = {
  "console.css": await made("console.css"),
  "htmx.js": readFileSync(join(here, "node_modules", "htmx.org", "dist", "htmx.min.js")),
  "mark.svg": readFileSync(join(here, "mark.svg")),
};
// Every script beside this file is an island of its own; what several share lies in a folder.
for (const name of readdirSync(here).filter((one) => one.endsWith(".js")).sort()) files[name] = await made(name);

mkdirSync(target, { recursive: true });
for (const name of readdirSync(target)) rmSync(join(target, name));
const manifest = {};
for (const [name, data] of Object.entries(files)) {
  const sha256 = createHash("sha256").update(data).digest("hex");
  const dot = name.lastIndexOf(".");
  const file = `${name.slice(0, dot)}-${sha256.slice(0, 12)}${name.slice(dot)}`;
  writeFileSync(join(target, file), data);
  manifest[name] = { file, sha256 };
}
writeFileSync(join(target, "manifest.json"), JSON.stringify(manifest, null, 2) + "\n");
