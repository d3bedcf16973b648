// What scripts/test.mjs prints of a test file: one line, then what its tests had to say, then all that is known of failures.
// All failures come once more in the end, in short: whoever has only the last lines has them.

const SHORT_ERROR_CHARS = 2000

/** `remarks` and `failures` have the name of their test. */
export function fileLines(name, { passed, failed, skipped }, { remarks, failures, tookMs }) {
  const numbers = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`]
  const mark = failed > 0 ? '✖' : '✔'
  return [
    `${mark} ${name}: ${numbers.filter(Boolean).join(', ')} (${Math.round(tookMs)} ms)`,
    ...remarks.flatMap(remarkLines),
    ...failures.flatMap(({ name: test, error }) => [
      `    ✖ ${test}`,
      (error ?? '').trimEnd().replace(/^/gm, '      '),
    ]),
  ]
}

/**
 * Once all has run.
 * @param failedSteps names of what comes before the tests
 * @param failedFiles of each file with a failure: its name, `remarks` and `failures`
 */
export function summaryLines(failedSteps, failedFiles) {
  const ofTests = failedFiles.flatMap(({ name: file, remarks, failures }) =>
    failures
      .filter(({ isOnlyOutput }) => !isOnlyOutput)
      .flatMap(({ name, error }) => [
        `✖ ${file} › ${name}`,
        ...remarks.filter((said) => said.name === name).map(({ remark }) => `    ${remark}`),
        (error ?? '').slice(0, SHORT_ERROR_CHARS).trimEnd().replace(/^/gm, '    '),
      ]),
  )
  return [...failedSteps.map((name) => `✖ ${name}`), ...ofTests]
}

/** The name of a test stands above all that it says. */
function remarkLines({ name, remark }, i, remarks) {
  const line = `      ${remark}`
  return remarks[i - 1]?.name === name ? [line] : [`    ${name}`, line]
}
