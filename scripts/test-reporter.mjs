// A reporter of node:test for scripts/test.mjs: one JSON line for each test that ended.
import { inspect } from 'node:util'

export default async function* report(events) {
  const parents = []
  for await (const { type, data } of events) {
    if (type === 'test:start') parents[data.nesting] = data.name
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const error = data.details.error
    if (type === 'test:pass' && data.details.type === 'suite') continue
    if (error?.failureType === 'subtestsFailed') continue // its subtests are counted
    const result = {
      name: [...parents.slice(0, data.nesting), data.name].join(' › '),
      outcome: data.skip !== undefined || data.todo !== undefined ? 'skipped' : type.slice('test:'.length),
      tookMs: data.details.duration_ms,
      error: type === 'test:fail' ? inspect(error?.cause ?? error, { depth: 8 }) : undefined,
    }
    yield `${JSON.stringify(result)}\n`
  }
}
