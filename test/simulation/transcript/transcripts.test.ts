import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { difference } from './difference.js'
import { linesOf, type Line } from './lines.js'
import { replay } from './replay.js'
import { readStory, stories, type StoryName } from './stories.js'

const replayed = new Map<StoryName, Promise<string>>()

function replayOf(name: StoryName): Promise<string> {
  const known = replayed.get(name) ?? replay(readStory(name))
  replayed.set(name, known)
  return known
}

async function happenings(name: StoryName): Promise<Line[]> {
  return linesOf(await replayOf(name))
}

/** Where the first line is that has all of it. @param who of whom, or from whom to whom: "a", "a → b" */
function at(lines: readonly Line[], text: string, who = ''): number {
  const [from, to] = who.split(' → ')
  const found = lines.findIndex(
    (line) =>
      line.text.includes(text) && (!from || line.from.includes(from)) && (!to || line.to.includes(to)),
  )
  assert.notEqual(found, -1, `no line has "${text}" ${who}`)
  return found
}

function isIncreasing(...places: number[]): void {
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  )
}

describe('the stories in test/scenarios', () => {
  for (const name of stories) {
    it(`${name}: comes out as its file says`, async () => {
      const changed = difference(readStory(name), await replayOf(name))
      assert.ok(
        changed === '',
        `test/scenarios/${name}.txt is another story now. If it shall be: npm run scenarios\n${changed}`,
      )
    })

    it(`${name}: every call is answered, and no read misses`, async () => {
      const lines = await happenings(name)
      const answers = lines.filter(
        ({ from, text }) => from[0] === 'client' && /^(SET|GET) .* after /.test(text),
      )
      assert.ok(answers.length >= 3)
      for (const { text } of answers) assert.match(text, /is done|is "/)
    })

    it(`${name}: a write is acknowledged when the backup has it, and written once`, async () => {
      const lines = await happenings(name)
      const done = lines.filter(({ text }) => text.startsWith('SET ') && text.includes(' is done'))
      assert.ok(done.length > 0)
      for (const line of done) {
        const [, what] = /^SET (\S+)/.exec(line.text)!
        const puts = lines.filter(
          ({ text }) =>
            text.startsWith('KEY_VALUE') && new RegExp(`PUT slot \\d seq \\d+ ${what}`).test(text),
        )
        const confirmed = puts.map((put) => {
          const batch = Number(/batch (\d+)/.exec(put.text)![1])
          return lines.findIndex(
            ({ from, to, text }, n) =>
              n > lines.indexOf(put) &&
              text.startsWith('BACK_ACK') &&
              !text.includes('refused') &&
              Number(/batch (\d+)/.exec(text)![1]) >= batch &&
              from.includes(put.to[0]!) &&
              to.includes(put.from[0]!),
          )
        })
        assert.ok(confirmed.some((place) => place !== -1 && place < lines.indexOf(line)))
        const seqs = puts.map(({ text }) => new RegExp(`seq (\\d+) ${what}`).exec(text)![1])
        assert.equal(new Set(seqs).size, 1, `${what} was written as ${seqs.join(' and ')}`)
      }
    })
  }

  it('set: a read waits for the write that it would show', async () => {
    const lines = await happenings('set')
    const asked = at(lines, 'GET apple', 'client → cache-1')
    const again = lines.findIndex(({ text }, n) => n > asked && text.startsWith('COMMANDS  GET apple'))
    const acknowledged = lines.findIndex(({ text }, n) => n > again && text.startsWith('BACK_ACK'))
    const answered = at(lines, '"green"', 'cache-1 → client')
    isIncreasing(asked, again, acknowledged, answered)
    // What arrives at the same moment was sent before.
    assert.ok(lines[answered]!.atMs > lines[acknowledged]!.atMs)
  })

  it('handoff: the new owner serves when the old one has parked the slot, and the master says so', async () => {
    const lines = await happenings('handoff')
    isIncreasing(
      at(lines, 'FILL_END slot 1', 'cache-2 → cache-3'),
      at(lines, 'parks slot 1', 'cache-2'),
      at(lines, 'SLOTS_HANDED_OFF', 'cache-2 → master'),
      at(lines, 'slot 1: primary cache-2 → cache-3', 'master'),
      at(lines, 'has nothing of slot 1', 'cache-2'),
      at(lines, 'serves slot 1', 'cache-3'),
    )
    isIncreasing(at(lines, 'has a lease', 'cache-3'), at(lines, 'serves slot 1', 'cache-3'))
    isIncreasing(at(lines, 'Eve="taller"', 'cache-2 → cache-3'), at(lines, 'SET Eve="taller" is done'))
    const written = lines.filter(({ text }) => /^KEY_VALUE.*PUT.*Eve="tallest"/.test(text))
    assert.deepEqual(
      written.map(({ from }) => from),
      [['cache-3']],
    )
  })

  it('death: writes go on before everything has a backup again', async () => {
    const lines = await happenings('death')
    isIncreasing(
      at(lines, 'PROBE_RESULT  gone'),
      at(lines, 'slot 0: primary cache-1 → cache-3', 'master'),
      at(lines, 'SET pear="yellow" is done'),
      at(lines, 'slot 0: backup none → cache-2', 'master'),
      at(lines, 'settled'),
    )
  })

  it('takeover: the new master has a majority, and is told of when what it says is in effect', async () => {
    const lines = await happenings('takeover')
    const votes = lines[at(lines, 'VOTED  yes; newest term e2')]!.from
    // It has a vote of its own.
    assert.ok(votes.length + 1 > 5 / 2)
    isIncreasing(
      at(lines, 'is dead', 'master-1'),
      at(lines, 'SET pear="yellow" is done'),
      at(lines, 'vote for me in e2', 'master-2'),
      at(lines, 'is the active master', 'master-2'),
      at(lines, 'keep state', 'master-2'),
      at(lines, 'e2v4 is in effect', 'master-2'),
      at(lines, 'REFLESH_MASTER', 'master-2 → cache-1'),
      at(lines, 'DISTRIBUTION_RESPOND  e2v4', 'master-2 → client'),
    )
    const owners = (await replayOf('takeover')).match(/^slot .*/gm)!
    assert.deepEqual(owners.slice(0, 4), owners.slice(4))
  })

  it('fence: the old master puts nothing into effect, and stands by', async () => {
    const lines = await happenings('fence')
    const stopped = at(lines, 'stands still', 'master-1')
    isIncreasing(
      stopped,
      at(lines, 'is the active master', 'master-2'),
      at(lines, 'is a standby', 'master-1'),
    )
    const later = lines.slice(stopped)
    assert.ok(!later.some(({ from, text }) => from.includes('master-1') && text.includes('is in effect')))
    assert.ok(!later.some(({ from, text }) => from.includes('master-1') && text.includes('keep state')))
  })

  it('fence: the old primary answers nothing once its lease is over, before another one serves', async () => {
    const lines = await happenings('fence')
    const over = at(lines, 'its lease is over', 'cache-1')
    isIncreasing(
      over,
      at(lines, 'serves slot 0', 'cache-3'),
      at(lines, 'refused: slot 0', 'cache-3 → cache-1'),
    )
    assert.ok(!lines.slice(over).some(({ from, to }) => from.includes('cache-1') && to.includes('client')))
  })
})

describe('a transcript', () => {
  it('that is none says what is wrong', async () => {
    await assert.rejects(replay('get apple'), /a story begins with "cluster /)
    await assert.rejects(replay('cluster masters=1 servers=1 seed=x'), /it has to be/)
    await assert.rejects(replay('cluster masters=1 servers=1 seed=1\n\nsing\n'), /there is no command "sing"/)
    await assert.rejects(
      replay('cluster masters=1 servers=1 seed=1\n\nkill cache-1\nuntil dawn\n'),
      /there is a line with "dawn"; what does:\n.*cache-1 +is dead/,
    )
  })

  it('that differs shows where', () => {
    assert.equal(difference('a\nb\nc', 'a\nb\nc'), '')
    assert.equal(difference('1\n2\n3\n4\nb\nc\n', '1\n2\n3\n4\nB\nc\n'), '  2\n  3\n  4\n- b\n+ B\n  c\n  ')
  })
})
