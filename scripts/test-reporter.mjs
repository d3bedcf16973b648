// A reporter of node:test for scripts/test.mjs: one JSON line for each test that ended, and for each thing that one said;
// a last line tells that the file came to its end, which `process.exit` in a test keeps it from.
import { inspect } from 'node:util'

export default async function* report(events) {
  const names = []
  for await (const { type, data } of events) {
    if (type === 'test:start') names[data.nesting] = data.name
    const line = type === 'test:diagnostic' ? remark(names, data) : result(names, type, data)
    if (line) yield `${JSON.stringify(line)}\n`
  }
  yield `${JSON.stringify({ isComplete: true })}\n`
}

function result(names, type, data) {
  if (type !== 'test:pass' && type !== 'test:fail') return undefined
  const error = data.details.error
  if (type === 'test:pass' && data.details.type === 'suite') return undefined
  if (error?.failureType === 'subtestsFailed') return undefined // its subtests are counted
  return {
    name: fullName(names, data),
    outcome: data.skip !== undefined || data.todo !== undefined ? 'skipped' : type.slice('test:'.length),
    tookMs: data.details.duration_ms,
    error: type === 'test:fail' ? inspect(error?.cause ?? error, { depth: 8 }) : undefined,
  }
}

/** `t.diagnostic(…)` comes right after its test; what has no line is node's own count at the end. */
function remark(names, data) {
  return data.line === undefined ? undefined : { name: fullName(names, data), remark: data.message }
}

function fullName(names, { nesting }) {
  return names.slice(0, nesting + 1).join(' › ')
}
