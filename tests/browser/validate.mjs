// Judges pages with html-validate: a line of JSON in (the source), a line of JSON out (what is wrong with it).
import { createInterface } from "node:readline";

const [, , library, config] = process.argv;
const { HtmlValidate } = await import(library);
const judge = new HtmlValidate(JSON.parse(config));
for await (const line of createInterface({ input: process.stdin })) {
  const report = await judge.validateString(JSON.parse(line));
  const found = report.results.flatMap(each => each.messages);
  console.log(JSON.stringify(found.map(each => `${each.line}: ${each.ruleId}: ${each.message}`)));
}
