// What `npm test` prints of a test file.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { cleanEnvironment } from '../support/child.js'

const scripts = new URL('../../../scripts/', import.meta.url)

const SAMPLE = `
import { describe, it } from 'node:test'
describe('under load', () => {
  it('a server dies', (t) => t.diagnostic('the longest call took 211 ms'))
  it('a server joins', () => undefined)
  it('all is lost', (t) => {
    t.diagnostic('the longest call took 5 s')
    throw new Error('lost')
  })
})`

interface Line {
  readonly name: string
  readonly outcome?: string
  readonly remark?: string
  readonly isComplete?: boolean
}

it('what a test says of itself goes with its file, and is told from what node says', () => {
  assert.deepEqual(
    reported(SAMPLE)
      .filter(({ isComplete }) => !isComplete)
      .map(({ name, outcome, remark }) => [name, outcome ?? remark]),
    [
      ['under load › a server dies', 'pass'],
      ['under load › a server dies', 'the longest call took 211 ms'],
      ['under load › a server joins', 'pass'],
      ['under load › all is lost', 'fail'],
      ['under load › all is lost', 'the longest call took 5 s'],
    ],
  )
})

it('only a file that came to its end has the last line', () => {
  assert.deepEqual(reported(SAMPLE).at(-1), { isComplete: true })
  const leaving = `
    import { it } from 'node:test'
    it('passes', () => undefined)
    it('leaves', () => process.exit(0))
    it('fails', () => { throw new Error('lost') })`
  assert.ok(!reported(leaving).some(({ isComplete }) => isComplete))
})

it('it stands under the line of the file, before the failures', async () => {
  const { fileLines } = (await import(new URL('test-lines.mjs', scripts).href)) as {
    fileLines: (name: string, counts: object, details: object) => string[]
  }
  const remarks = [
    { name: 'a server dies', remark: '12 moves were pending' },
    { name: 'a server dies', remark: 'the longest call took 211 ms' },
    { name: 'all is lost', remark: 'the longest call took 5 s' },
  ]
  const failures = [{ name: 'all is lost', error: 'Error: lost\n  at x\n' }]
  const counts = { passed: 1, failed: 1, skipped: 0 }
  assert.deepEqual(fileLines('faults/a.test.ts', counts, { remarks, failures, tookMs: 12.3 }), [
    '✖ faults/a.test.ts: 1 passed, 1 failed (12 ms)',
    '    a server dies',
    '      12 moves were pending',
    '      the longest call took 211 ms',
    '    all is lost',
    '      the longest call took 5 s',
    '    ✖ all is lost',
    '      Error: lost\n        at x',
  ])
})

it('failures come once more in the end, with what their tests said, and without all that the file printed', async () => {
  const { summaryLines } = (await import(new URL('test-lines.mjs', scripts).href)) as {
    summaryLines: (failedSteps: string[], failedFiles: object[]) => string[]
  }
  const remarks = [
    { name: 'a server dies', remark: 'the longest call took 211 ms' },
    { name: 'all is lost', remark: 'the longest call took 5 s' },
  ]
  const failures = [
    { name: 'all is lost', error: `Error: lost\n  at x\n${'y'.repeat(10_000)}` },
    { name: 'what it printed', error: 'much', isOnlyOutput: true },
  ]
  const lines = summaryLines(['check: lint'], [{ name: 'faults/a.test.ts', remarks, failures }])
  assert.deepEqual(lines.slice(0, 3), [
    '✖ check: lint',
    '✖ faults/a.test.ts › all is lost',
    '    the longest call took 5 s',
  ])
  assert.match(lines[3]!, /^ {4}Error: lost\n {6}at x\n {4}y{1900,2000}$/)
  assert.equal(lines.length, 4)
})

/** What the reporter writes of a test file. */
function reported(source: string): Line[] {
  const dir = mkdtempSync(join(tmpdir(), 'icf-report-'))
  try {
    const file = join(dir, 'sample.test.mjs')
    writeFileSync(file, source)
    const reporter = `--test-reporter=${new URL('test-reporter.mjs', scripts).href}`
    const args = [reporter, '--test-reporter-destination=stdout', file]
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: cleanEnvironment() })
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line)
  } finally {
    rmSync(dir, { recursive: true })
  }
}
