import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeTopology, MessageType, Transitions, type ServerInfo, type Topology } from '@icf/common'
import { serverInfo, topologyWith, transitionsOf } from '@icf/testkit/topologies'
import type { Commit } from './changes.js'
import type { Effect, LinkId } from './events.js'
import { CLIENTS_A_TURN, Publisher } from './publisher.js'

function server(seat: number): ServerInfo {
  return serverInfo(String(seat).padStart(40, '0'))
}

const NO_TRANSITIONS = Transitions.none()
const SERVER: LinkId = 1
const FIRST = topologyWith({ slotCount: 16, servers: [server(0), server(1)], primary: 0 })

function commit(topology: Topology, isSettled = false): Commit {
  return {
    topology,
    cause: MessageType.REFLESH_IP,
    concerned: [],
    released: [],
    fenced: [],
    answers: [],
    outlook: { movesPending: 0, isSettled },
  }
}

function next(base: Topology, change: Partial<Topology>): Topology {
  return { ...base, version: base.version + 1, ...change }
}

type Send = Extract<Effect, { type: 'send' }>

/** One server and clients, which all have the first version. */
function following(clients: number): { publisher: Publisher; links: LinkId[] } {
  const publisher = new Publisher()
  publisher.add(SERVER, server(0).id)
  const links = Array.from({ length: clients }, (_, index) => SERVER + 1 + index)
  for (const link of links) publisher.add(link, undefined)
  publisher.publish(commit(FIRST))
  turns(publisher, commit(FIRST))
  return { publisher, links }
}

function turns(publisher: Publisher, update: Commit): Send[][] {
  const all: Send[][] = []
  while (publisher.isBehind) all.push(publisher.turn(update) as Send[])
  return all
}

describe('the publisher', () => {
  it('sends servers every version at once, and clients in turns, with one message for all', () => {
    const { publisher, links } = following(2 * CLIENTS_A_TURN + 1)
    const second = commit(next(FIRST, { primary: FIRST.primary.with(3, 1) }))
    const [toServers, ...more] = publisher.publish(second) as Send[]
    assert.deepEqual([toServers!.links, more], [[SERVER], []])
    const sent = turns(publisher, second).flat()
    assert.deepEqual(
      sent.map((effect) => effect.links.length),
      [CLIENTS_A_TURN, CLIENTS_A_TURN, 1],
    )
    assert.deepEqual(
      sent.flatMap((effect) => effect.links),
      links,
    )
    for (const { message } of sent) assert.equal(message, sent[0]!.message)
    for (const { message } of [toServers!, sent[0]!])
      assert.deepEqual(decodeTopology(message[1], FIRST), second.topology)
  })

  it('tells clients of no transitions, which are most of what changes while slots move', () => {
    const { publisher } = following(1)
    const transitions = transitionsOf([[5, { to: 1, intent: 'backup' as const, since: 2 }]])
    const second = commit(next(FIRST, { primary: FIRST.primary.with(3, 1), transitions }))
    const [toServers] = publisher.publish(second) as Send[]
    assert.deepEqual(decodeTopology(toServers!.message[1], FIRST), second.topology)
    const [[toClient]] = turns(publisher, second) as [[Send]]
    const forClient = { ...second.topology, transitions: NO_TRANSITIONS }
    assert.deepEqual(decodeTopology(toClient.message[1], FIRST), forClient)
  })

  it('makes one message of the whole for all who connect, which also come in turns', () => {
    const publisher = new Publisher()
    for (let link = 1; link <= CLIENTS_A_TURN + 1; link++) {
      publisher.add(link, undefined)
      assert.deepEqual(publisher.sendWhole(link, commit(FIRST)), [])
    }
    const [first, second, ...more] = turns(publisher, commit(FIRST)).flat()
    assert.deepEqual([first!.links.length, second!.links.length, more.length], [CLIENTS_A_TURN, 1, 0])
    assert.equal(first!.message, second!.message)
    assert.equal(first!.message[0], MessageType.DISTRIBUTION_RESPOND)
  })

  it('sends clients no version that changes backups and transitions alone, until all is settled', () => {
    const { publisher } = following(1)
    const second = next(FIRST, { backup: FIRST.backup.with(3, 1) })
    assert.equal(publisher.publish(commit(second)).length, 1)
    assert.equal(publisher.isBehind, false)
    const third = next(second, {
      transitions: transitionsOf([[5, { to: 1, intent: 'backup', since: 3 }]]),
    })
    publisher.publish(commit(third))
    assert.equal(publisher.isBehind, false)
    const fourth = commit(next(third, { transitions: NO_TRANSITIONS }), true)
    publisher.publish(fourth)
    const [[toClient]] = turns(publisher, fourth) as [[Send]]
    assert.deepEqual(decodeTopology(toClient.message[1], FIRST), fourth.topology)
  })

  it('sends a client whose turn comes late what is in effect by then, once', () => {
    const { publisher } = following(1)
    const second = commit(next(FIRST, { primary: FIRST.primary.with(3, 1) }))
    const third = commit(next(second.topology, { backup: FIRST.backup.with(3, 0) }))
    publisher.publish(second)
    publisher.publish(third)
    const [[toClient], ...more] = turns(publisher, third) as [[Send]]
    assert.deepEqual(decodeTopology(toClient.message[1], FIRST), third.topology)
    assert.deepEqual(more, [])
  })

  it('answers a client that asks with what is in effect, also when that was no news for it', () => {
    const { publisher, links } = following(1)
    const second = commit(next(FIRST, { backup: FIRST.backup.with(3, 1) }))
    publisher.publish(second)
    publisher.sendWhole(links[0]!, second)
    const [[answer]] = turns(publisher, second) as [[Send]]
    assert.deepEqual(decodeTopology(answer.message[1], undefined, 16), second.topology)
  })

  it('forgets the turn of a client that is lost or does not keep up, until that has drained', () => {
    const { publisher, links } = following(2)
    const second = commit(next(FIRST, { primary: FIRST.primary.with(3, 1) }))
    publisher.publish(second)
    publisher.remove(links[0]!)
    publisher.congested(links[1]!)
    assert.equal(publisher.isBehind, false)
    publisher.publish(second)
    assert.equal(publisher.isBehind, false)
    publisher.drained(links[1]!, second)
    const [[whole]] = turns(publisher, second) as [[Send]]
    assert.deepEqual(whole.links, [links[1]])
    assert.deepEqual(decodeTopology(whole.message[1], undefined, 16), second.topology)
  })
})
