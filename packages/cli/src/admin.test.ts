import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { errorToWire, IcfError, mastersDetails, MessageType, type Message } from '@icf/common'
import { formatAddress, listen, nodeRuntime, parseAddress, type Link, type Listener } from '@icf/common/node'
import { AdminClient, parseMasters } from './admin.js'

const listeners: Listener[] = []
const clients: AdminClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(listeners.splice(0).map((listener) => listener.close()))
})

type Reply = (link: Link, request: number, name: string) => void

/** A master that answers each request by `reply`. */
async function fakeMaster(reply: Reply, cluster = 'icf', details: readonly unknown[] = []): Promise<string> {
  const self = { role: 'master', cluster, id: 'm', details } as const
  const listener = await listen(nodeRuntime, { host: '127.0.0.1', port: 0 }, cluster, {
    introduce: () => self,
    admit: () => undefined,
    opened: (link: Link) => {
      const message = ([, request, name]: Message): void => reply(link, request as number, name as string)
      link.handlers = { message, close: () => undefined }
    },
    closed: () => undefined,
  })
  listeners.push(listener)
  return `127.0.0.1:${listener.address.port}`
}

async function connect(masters: string): Promise<AdminClient> {
  const client = await AdminClient.connect({ masters, cluster: 'icf', timeoutMs: 10_000 })
  clients.push(client)
  return client
}

const answers: Reply = (link, request, name) =>
  link.send([MessageType.ADMIN_RESPONSE, request, true, { asked: name }])

const refusedBy = (code: string) => (error: unknown) => error instanceof IcfError && error.code === code

/** Nothing listens there. */
const NOBODY = '127.0.0.1:1'

test('the masters are tried in turn', async () => {
  const admin = await connect(`${NOBODY},${await fakeMaster(answers)}`)
  assert.deepEqual(await admin.request('STATUS'), { asked: 'STATUS' })
})

test('answers find their request in whatever order they come', async () => {
  const waiting: (() => void)[] = []
  const master = await fakeMaster((...args) => {
    waiting.unshift(() => answers(...args))
    if (waiting.length === 3) for (const answer of waiting) answer()
  })
  const admin = await connect(master)
  const names = ['A', 'B', 'C']
  const results = await Promise.all(names.map((name) => admin.request(name)))
  assert.deepEqual(
    results,
    names.map((asked) => ({ asked })),
  )
})

test('what the master refuses is its error', async () => {
  const master = await fakeMaster((link, request) =>
    link.send([MessageType.ADMIN_RESPONSE, request, false, errorToWire('UNKNOWN_SERVER'), 'no such server']),
  )
  const admin = await connect(master)
  await assert.rejects(admin.status(), { code: 'UNKNOWN_SERVER', message: 'no such server' })
})

test('no answer in time is TIMEOUT, and the connection goes on', async () => {
  let asked = 0
  const master = await fakeMaster((...args) => {
    if (++asked > 1) answers(...args)
  })
  const admin = await connect(master)
  const { timeoutMs } = admin
  admin.timeoutMs = 50
  await assert.rejects(admin.request('STATUS'), refusedBy('TIMEOUT'))
  admin.timeoutMs = timeoutMs
  assert.deepEqual(await admin.request('AGAIN'), { asked: 'AGAIN' })
})

test('a connection that breaks fails what is under way, and what comes after', async () => {
  const admin = await connect(await fakeMaster((link) => link.terminate()))
  let closes = 0
  admin.onClose = () => closes++
  await assert.rejects(admin.request('STATUS'), refusedBy('UNREACHABLE'))
  await assert.rejects(admin.request('STATUS'), refusedBy('UNREACHABLE'))
  assert.equal(closes, 1)
})

test('events come between answers', async () => {
  const master = await fakeMaster((link, request) => {
    link.send([MessageType.EVENT, { n: 1 }])
    link.send([MessageType.ADMIN_RESPONSE, request, true, { events: [{ n: 2 }] }])
  })
  const admin = await connect(master)
  const seen: unknown[] = []
  admin.onEvent = (entry) => seen.push(entry)
  assert.deepEqual(await admin.events(0, true), [{ n: 2 }])
  assert.deepEqual(seen, [{ n: 1 }])
})

const standsBy: Reply = (link, request) =>
  link.send([MessageType.ADMIN_RESPONSE, request, false, errorToWire('STANDBY'), 'this is a standby'])

test('when a standby answers, the next master is asked, and whatever comes later as well', async () => {
  const standby = await fakeMaster(standsBy)
  const active = await fakeMaster(answers)
  const admin = await connect(`${standby},${NOBODY},${active}`)
  const asked = await Promise.all(['A', 'B'].map((name) => admin.request(name)))
  assert.deepEqual(asked, [{ asked: 'A' }, { asked: 'B' }])
  assert.equal(admin.address, active)
  assert.deepEqual(await admin.request('C'), { asked: 'C' })
})

test('a standby tells of the active master, which is asked then', async () => {
  const active = parseAddress(await fakeMaster(answers))
  const told = mastersDetails([{ id: 'a', ...active }])
  const admin = await connect(await fakeMaster(standsBy, 'icf', told))
  assert.deepEqual(await admin.request('A'), { asked: 'A' })
  assert.equal(admin.address, formatAddress(active))
})

test('a master that tells nonsense of others is one that does not answer', async () => {
  const nonsense = await fakeMaster(answers, 'icf', ['a', 'b', 'c'])
  await assert.rejects(connect(nonsense), refusedBy('PROTOCOL'))
  const admin = await connect(`${nonsense},${await fakeMaster(answers)}`)
  assert.deepEqual(await admin.request('A'), { asked: 'A' })
})

test('a master that is replaced still answers what it was asked before', async () => {
  let late = (): void => undefined
  const old = await fakeMaster((link, request, name) => {
    if (name === 'LATE') late = () => answers(link, request, name)
    else standsBy(link, request, name)
  })
  const admin = await connect(`${old},${await fakeMaster(answers)}`)
  const waiting = admin.request('LATE')
  assert.deepEqual(await admin.request('STATUS'), { asked: 'STATUS' })
  late()
  assert.deepEqual(await waiting, { asked: 'LATE' })
})

test('events come from the master that is active, and its connection is the one that must not break', async () => {
  const followed: Link[] = []
  const active = await fakeMaster((link, request) => {
    followed.push(link)
    link.send([MessageType.ADMIN_RESPONSE, request, true, { events: [] }])
  })
  const admin = await connect(`${await fakeMaster(standsBy)},${active}`)
  const seen = new Promise((resolve) => (admin.onEvent = resolve))
  const lost = new Promise<void>((resolve) => (admin.onClose = resolve))
  await admin.events(0, true)
  followed[0]!.send([MessageType.EVENT, { n: 1 }])
  assert.deepEqual(await seen, { n: 1 })
  followed[0]!.terminate()
  await lost
})

/** A standby that has become the active master when it is asked for the `nth` time. */
function activeFrom(nth: number): { reply: Reply; asked: string[]; done: string[] } {
  const [asked, done]: [string[], string[]] = [[], []]
  const reply: Reply = (link, request, name) => {
    if (asked.push(name) < nth) return standsBy(link, request, name)
    done.push(name)
    answers(link, request, name)
  }
  return { reply, asked, done }
}

test('while none is active yet, standbys are asked again, and the one that becomes active does it once', async () => {
  const next = activeFrom(2)
  const other = activeFrom(Infinity)
  const admin = await connect(`${NOBODY},${await fakeMaster(next.reply)},${await fakeMaster(other.reply)}`)
  assert.deepEqual(await admin.request('FAILOVER'), { asked: 'FAILOVER' })
  assert.deepEqual([next.done, other.done], [['FAILOVER'], []])
  assert.equal(other.asked.length, 2, 'the other one could have become active as well')
})

test('a standby of which alone one knows is asked again, too', async () => {
  const next = activeFrom(3)
  const admin = await connect(await fakeMaster(next.reply))
  assert.deepEqual(await Promise.all([admin.request('A'), admin.request('B')]), [
    { asked: 'A' },
    { asked: 'B' },
  ])
  assert.deepEqual(next.done.sort(), ['A', 'B'])
})

test('what a master refuses after it stood by is not asked again', async () => {
  let asked = 0
  const busy: Reply = (link, request) => {
    const code = ++asked === 1 ? 'STANDBY' : 'BUSY'
    link.send([MessageType.ADMIN_RESPONSE, request, false, errorToWire(code), code])
  }
  const admin = await connect(await fakeMaster(busy))
  await assert.rejects(admin.request('AUDIT'), refusedBy('BUSY'))
  assert.equal(asked, 2)
})

test('when all stay standbys, or away, that is said, after they were asked now and then', async () => {
  const stubborn = activeFrom(Infinity)
  const [one, other] = [await fakeMaster(stubborn.reply), await fakeMaster(standsBy)]
  const [several, alone] = [await connect(`${one},${NOBODY},${other}`), await connect(other)]
  await Promise.all([
    assert.rejects(several.request('STATUS'), (error: Error) => {
      assert.match(error.message, /^none of the masters is active: /)
      for (const master of [one, other]) assert.ok(error.message.includes(`${master} is a standby`))
      assert.match(error.message, /127.0.0.1:1: connection refused/)
      return refusedBy('STANDBY')(error)
    }),
    assert.rejects(alone.request('STATUS'), { code: 'STANDBY', message: 'this is a standby' }),
  ])
  // In 2 s, at least 75 ms apart.
  assert.ok(stubborn.asked.length <= 30, `${stubborn.asked.length} times`)
})

test('nobody there: every reason is told', async () => {
  await assert.rejects(connect(`${NOBODY},127.0.0.1:2`), (error: Error) => {
    assert.match(error.message, /127\.0\.0\.1:1: connection refused.*127\.0\.0\.1:2: connection refused/)
    return refusedBy('UNREACHABLE')(error)
  })
})

test('a refusal tells more than a connection that could not be made', async () => {
  const other = await fakeMaster(answers, 'other')
  await assert.rejects(connect(`${other},${NOBODY}`), refusedBy('WRONG_CLUSTER'))
})

test('addresses of masters', () => {
  assert.deepEqual(parseMasters('a:1, [::1]:2,'), [
    { host: 'a', port: 1 },
    { host: '::1', port: 2 },
  ])
  for (const text of ['', ',', 'a', 'a:0', 'a:1,b']) assert.throws(() => parseMasters(text), IcfError, text)
})
