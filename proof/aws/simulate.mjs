// Reads [{policies, action, resource, context}, ...] and writes what IAM would say to each:
// "Allowed", "ImplicitlyDenied", "ExplicitlyDenied", or an error such as "invalid.action".
// Run with the folder that has node_modules as its one argument.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const { runSimulation } = require("@cloud-copilot/iam-simulate");

const answers = [];
for (const { policies, action, resource, context } of JSON.parse(readFileSync(0, "utf8"))) {
  const simulation = {
    request: {
      action,
      principal: "arn:aws:iam::123456789012:role/checked",
      resource: { resource, accountId: "123456789012" },
      contextVariables: context,
    },
    identityPolicies: policies.map((policy, index) => ({ name: `${index}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  const { overallResult, errors } = await runSimulation(simulation, {});
  answers.push(overallResult ?? JSON.stringify(errors));
}
process.stdout.write(JSON.stringify(answers));
