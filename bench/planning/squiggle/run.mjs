// Runs a Squiggle program and prints its result and the CPU seconds that it took: node run.mjs FILE
import { readFileSync } from "node:fs";
import { run } from "@quri/squiggle-lang";

const code = readFileSync(process.argv[2], "utf8");
await run("1 + 1");
const start = process.cpuUsage();
const output = await run(code);
const used = process.cpuUsage(start);
if (!output.result.ok) {
  console.error(output.result.value.toString());
  process.exit(1);
}
const shown = output.result.value.result.asJS();
console.log(JSON.stringify({ seconds: (used.user + used.system) / 1e6, result: shown }));
