// What scripts/test.mjs prints of a test file: one line, then what its tests had to say, then all that is known of failures.

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

/** The name of a test stands above all that it says. */
function remarkLines({ name, remark }, i, remarks) {
  const line = `      ${remark}`
  return remarks[i - 1]?.name === name ? [line] : [`    ${name}`, line]
}
