// Compile every schema of an OpenAPI document with ajv, in strict mode, and validate every example against its schema.
// Usage: node check_schemas.mjs DOCUMENT. Prints {schemas, examples, faults} as JSON.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const document = JSON.parse(readFileSync(process.argv[2], "utf8"));
const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true });
addFormats(ajv);
ajv.addFormat("decimal", /^-?[0-9]+(\.[0-9]+)?$/);
ajv.addVocabulary(["components", "paths", "openapi", "jsonSchemaDialect", "info", "servers"]);
ajv.addSchema(document, "document");

const found = { schemas: 0, examples: 0, faults: [] };
const pointer = (path) => path.map((key) => `/${encodeURIComponent(key.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("");

function compile(path) {
  found.schemas += 1;
  try {
    return ajv.compile({ $ref: `document#${pointer(path)}` });
  } catch (error) {
    found.faults.push(`${path.join(" ")}: ${error.message}`);
    return () => true;
  }
}

// Compiles each `schema` and checks the `examples` beside it.
function walk(node, path) {
  if (node === null || typeof node !== "object") return;
  if (node.schema !== undefined) {
    const valid = compile([...path, "schema"]);
    for (const [name, example] of Object.entries(node.examples ?? {})) {
      found.examples += 1;
      if (!valid(example.value)) found.faults.push(`${path.join(" ")}: example ${name}: ${ajv.errorsText(valid.errors)}`);
    }
  }
  for (const [key, value] of Object.entries(node)) {
    if (key !== "examples" && key !== "schema") walk(value, [...path, key]);
  }
}

for (const name of Object.keys(document.components.schemas)) compile(["components", "schemas", name]);
walk(document.paths, ["paths"]);
console.log(JSON.stringify(found));
