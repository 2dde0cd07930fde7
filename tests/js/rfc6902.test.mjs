/**
 * The public cases of json-patch-tests (github.com/json-patch/json-patch-tests), installed by whoever runs this:
 * JSON_PATCH_TESTS is the folder of the npm package json-patch-test-suite.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { applyOperation } from "../../workbench/views/web/data/patch.js";

const folder = process.env.JSON_PATCH_TESTS;

function patched(document, patch) {
  const holder = { state: document };
  for (const operation of patch) applyOperation(holder, operation);
  return holder.state;
}

for (const file of ["tests.json", "spec_tests.json"]) {
  test(file, { skip: folder ? false : "JSON_PATCH_TESTS is not set" }, async (t) => {
    const cases = JSON.parse(readFileSync(join(folder, file), "utf8"));
    assert.ok(cases.length > 15);
    for (const { doc, patch, expected, error, disabled, comment } of cases) {
      if (disabled || patch === undefined) continue;
      await t.test(comment ?? error ?? JSON.stringify(patch), () => {
        if (error !== undefined) assert.throws(() => patched(doc, patch), Error, error);
        else if (expected !== undefined) assert.deepEqual(patched(doc, patch), expected);
        else patched(doc, patch);
      });
    }
  });
}
