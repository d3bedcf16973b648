import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { settled } from '../core/harness.test.kit.js'
import { renderMetrics, type TermFigures } from './metrics.js'

const doc = readFileSync(new URL('../../../../docs/metrics.md', import.meta.url), 'utf8')

const figures = { isReady: true, isActive: true, connections: 3 }

test('docs/metrics.md lists exactly the metrics of an active master, and which of them a standby has', () => {
  const ofStandby = rows(renderMetrics(figures, undefined))
  const ofBoth = rows(renderMetrics(figures, term()))
  const [standby, active, ...rest] = doc.split('\n## ').slice(1)
  assert.deepEqual(rest, [])
  assert.deepEqual(documented(standby!), ofStandby)
  assert.deepEqual([...ofStandby, ...documented(active!)], ofBoth)
})

/** With one of everything that a metric may be about. */
function term(): TermFigures {
  const { harness } = settled(2)
  const snapshot = harness.core.snapshot(harness.now)
  const [slots, none] = [16, { missing: 0, extra: 0, different: 0, unmended: 0 }]
  const audit = { epoch: 1, round: 1, running: false, slots, compared: slots, ms: 9, endedMsAgo: 9, ...none }
  return { snapshot: { ...snapshot, audit }, commitMs: { sum: 5, count: 1 } }
}

function documented(section: string): string[] {
  return section.split('\n').filter((line) => line.startsWith('| `'))
}

/** As they stand in the document. */
function rows(page: string): string[] {
  return [...page.matchAll(/^# HELP (\w+) (.+)\n# TYPE \w+ (\w+)\n(.+)/gm)].map(
    ([, name, help, type, sample]) => {
      const labels = [...sample!.matchAll(/(\w+)="/g)].map(([, label]) => `\`${label}\``)
      return `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`
    },
  )
}
