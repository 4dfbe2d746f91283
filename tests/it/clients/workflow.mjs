// Prints what GitHub's own parser finds wrong in a workflow, as JSON: node workflow.mjs PARSER FILE
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [parser, file] = process.argv.slice(2);
const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = await import(pathToFileURL(parser));
const content = readFileSync(file, "utf8");
const { context, value } = parseWorkflow({ name: "workflow", content }, new NoOperationTraceWriter());
const found = context.errors.getErrors().map((error) => error.message);
if (value) {
  const template = await convertWorkflowTemplate(context, value);
  found.push(...(template.errors ?? []).map((error) => error.Message));
}
console.log(JSON.stringify(found));
